"""What the tables of fixed costs and of growth share; see ``fixed.py`` and ``growth.py``."""
