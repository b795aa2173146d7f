"""A small synthetic job architecture, in the shape of the federal one and with its kind of flaws.

Padded names, one French function in two spellings, missing French titles and missing NOC codes are
there on purpose. Nothing in it comes from a real list.
"""

HEADER = [
    "Job_Title_ID",
    "Job_Title_EN",
    "Titre_de_poste_FR",
    "Job_Function_EN",
    "Fonction_FR",
    "Job_Family_EN",
    "Famille_FR",
    "Managerial_Level",
    "NOC_2016",
    "NOC_2021",
]

IT = ("Information Technology", "Technologies de l'information")
HR = ("Human Resources", "Ressources humaines")
FINANCE = ("Finance and Procurement", "Finances et approvisionnement")
ADMIN = ("Administration and Services", "Administration et services")
COMMS = ("Communications", "Communications")
LAW = ("Legal and Regulatory", "Affaires juridiques et réglementaires")
HEALTH = ("Health and Science", "Santé et sciences")
TRADES = ("Trades and Operations", "Métiers et opérations")

FAMILIES = {
    "software": (IT, "Software Development", "Développement de logiciels"),
    "data": (IT, "Data and Analytics", "Données et analytique"),
    "networks": (IT, "Infrastructure and Networks", "Infrastructure et réseaux"),
    "staffing": (HR, "Staffing and Recruitment", "Dotation et recrutement"),
    "people": (HR, "People Management", "Gestion des personnes"),
    "accounting": (FINANCE, "Accounting", "Comptabilité"),
    "audit": (FINANCE, "Audit and Assurance", "Audit et certification"),
    "office": (ADMIN, "Office Support", "Soutien de bureau"),
    "dispatch": (ADMIN, "Dispatch and Contact Centres", "Répartition et centres de contact"),
    "media": (COMMS, "Media and Outreach", "Médias et rayonnement"),
    "counsel": (LAW, "Counsel", "Avocats-conseils"),
    "paralegal": (LAW, "Paralegal Services", "Services parajuridiques"),
    "nursing": (HEALTH, "Nursing", "Soins infirmiers"),
    "care": (HEALTH, "Patient Care", "Soins aux patients"),
    "electrical": (TRADES, "Electrical", "Électricité"),
    "cleaning": (TRADES, "Building Services", "Services d'immeubles"),
}

# English title, French title, family, managerial level, NOC 2016, NOC 2021.
TITLES = [
    ("Software Engineer", "Ingénieur en logiciels / ingénieure en logiciels", "software", "", "2173", "21231"),
    ("Senior Software Engineer", "Ingénieur principal en logiciels", "software", "", "2173", "21231"),
    ("Software Design Lead", "", "software", "Supervisor", "2173", "21231"),
    ("Director, Software Delivery", "Directeur, Livraison de logiciels", "software", "Executive", "0213", "20012"),
    ("Data Scientist", "Scientifique des données", "data", "", "2161", "21211"),
    ("Lead Data Scientist", "Scientifique des données en chef", "data", "Supervisor", "2161", "21211"),
    ("Systems Specialist", "Spécialiste des systèmes", "data", "", "2171", "21222"),
    ("Business Systems Analyst", "Analyste des systèmes d'affaires", "data", "", "2171", "21222"),
    ("Network Technician", "Technicien de réseau / technicienne de réseau", "networks", "", "2281", "22220"),
    ("Web Technician", "Technicien du Web", "networks", "", "2281", "22220"),
    ("Manager, Networks", "Gestionnaire, Réseaux", "networks", "Manager", "0213", "20012"),
    ("Recruitment Officer", "Agent de recrutement / agente de recrutement", "staffing", "", "1223", "12101"),
    ("Staffing Assistant", "", "staffing", "", "1223", "12101"),
    ("Human Resources Advisor", "Conseiller en ressources humaines", "staffing", "", "1121", "11200"),
    ("Labour Relations Advisor", "Conseillère en relations de travail", "people", "", "1121", "11200"),
    ("Manager, Human Resources", "Gestionnaire, Ressources humaines", "people", "Manager", "0112", "10011"),
    ("Team Coach", "Accompagnateur d'équipe", "people", "", "", ""),
    ("Accountant", "Comptable", "accounting", "", "1111", "11100"),
    ("Bookkeeper", "Teneur de livres / teneuse de livres", "accounting", "", "1311", "12200"),
    ("Accounting Technician", "Technicien en comptabilité", "accounting", "", "1311", "12200"),
    ("Internal Auditor", "Vérificateur interne / vérificatrice interne", "audit", "", "1111", "11100"),
    ("Audit Lead", "Chef de l'audit", "audit", "Supervisor", "1111", "11100"),
    ("Office Clerk", "Commis de bureau", "office", "", "1411", "14100"),
    ("Office Assistant", "Adjoint de bureau / adjointe de bureau", "office", "", "1411", "14100"),
    ("Floating Clerk", "", "office", "", "", ""),
    ("Dispatcher", "Répartiteur / répartitrice", "dispatch", "", "1525", "14404"),
    ("Emergency Dispatcher", "Répartiteur d'urgence", "dispatch", "", "1525", "14404"),
    ("Contact Centre Agent", "Agent de centre de contact", "dispatch", "", "6552", "64409"),
    ("Communications Advisor", "Conseiller en communications", "media", "", "1123", "11202"),
    ("Outreach Officer", "Agente de sensibilisation", "media", "", "1123", "11202"),
    ("Digital Storyteller", "", "media", "", "", ""),
    ("Legal Counsel", "Avocat-conseil / avocate-conseil", "counsel", "", "4112", "41101"),
    ("Senior Counsel", "Avocat principal", "counsel", "Supervisor", "4112", "41101"),
    ("Paralegal", "Parajuriste", "paralegal", "", "4211", "42200"),
    ("Legal Technician", "Technicienne juridique", "paralegal", "", "4211", "42200"),
    ("Registered Nurse", "Infirmier autorisé / infirmière autorisée", "nursing", "", "3012", "31301"),
    ("Nurse Lead", "Infirmière-chef", "nursing", "Supervisor", "3012", "31301"),
    ("Patient Attendant", "Préposé aux bénéficiaires", "care", "", "3413", "33102"),
    ("Physician", "Médecin", "care", "", "3111", "31100"),
    ("Electrician", "Électricien / électricienne", "electrical", "", "7241", "72200"),
    ("Electrical Apprentice", "Apprenti électricien", "electrical", "", "7241", "72200"),
    ("Building Caretaker", "Concierge d'immeuble", "cleaning", "", "6733", "65312"),
    ("Heavy-Duty Cleaner", "Préposé au nettoyage", "cleaning", "", "6733", "65312"),
    ("Site Handyperson", "Homme à tout faire / femme à tout faire", "cleaning", "", "", ""),
]  # fmt: skip


def _record(number: int, title: tuple[str, ...]) -> list[str]:
    english, french, family, level, noc_2016, noc_2021 = title
    (function_en, function_fr), family_en, family_fr = FAMILIES[family]
    if number % 9 == 0:
        english, function_en = f" {english} ", f"{function_en} "
    if number % 4 == 0:
        function_fr = function_fr.replace("'", "\u2019")
    return [
        f"JT{number:04d}",
        english,
        french,
        function_en,
        function_fr,
        family_en,
        family_fr,
        level,
        noc_2016,
        noc_2021,
    ]


JOB_TITLES = [HEADER, *(_record(number, title) for number, title in enumerate(TITLES, start=1))]
"""The file, record by record."""
