"""Makes the sample under data/source/ from the publishers' files: a slice of about 60 occupations.

    uv run python scripts/make_sample.py PUBLISHERS_FOLDER [data/source]

Codes, titles, names, ratings and figures are taken over as facts, with every quirk of the files
that they stand in: byte-order marks, padded headers, malformed codes, suppressed figures, line
endings. Every sentence (definitions, statements, duties, requirements, remarks, workplaces) is
replaced by one that is written here. The same folder gives the same bytes.
"""

from __future__ import annotations

import csv
import io
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from sample_job_titles import JOB_TITLES

Row = list[str]

# Occupations that the job titles name, or that carry a quirk: the orphan interest (14404), lost
# zeros in codes (31100), a figure that the publisher withholds by mistake (11202), withheld groups
# (00013, 40042), a no-break space (40042), repeated titles (14100, 42200, 94141), line breaks
# inside cells (52121, 94140), a stray carriage return (42203).
CHOSEN = (
    "00010 00013 10011 11100 11200 11202 12101 12200 13110 14100 14404 20012 21211 21222 21231 "
    "21232 22220 31100 31301 33102 40042 41101 42200 42203 44101 52121 53111 63200 64409 65312 "
    "72200 75101 84120 94140 94141 95104"
).split()

DUTIES = (
    "Plan the day's work of {title} and agree on priorities with colleagues",
    "Carry out the tasks that are expected of {title}, and note what was done",
    "Answer questions about the work and pass on what others need to know",
    "Check results against the agreed standard and put right what falls short",
    "May train people who are new to the work.",
)
REQUIREMENTS = {
    "0": "Several years in the field that is managed, and the schooling usual there, are expected.",
    "1": "A university degree in a field close to the work is expected.",
    "2": "Two years or more of college, or an apprenticeship, are expected.",
    "3": "Up to two years of college, or half a year and more of training at work, are expected.",
    "4": "Secondary school, and some weeks of training at work, are expected.",
    "5": "A short introduction at the workplace is enough.",
}
MORE_REQUIREMENTS = (
    "Practice in the tools of the trade is an advantage.",
    "A licence may be asked for, depending on the province or territory.",
)
REMARKS = (
    "With experience, people move on to posts with more responsibility.",
    "Some people of this profile work shifts.",
)
WORKPLACES = {
    "0": ("Head offices of every industry", "Public administrations"),
    "1": ("Offices of firms and associations", "Accounting and consulting practices"),
    "2": ("Engineering and software firms", "Laboratories and technical services"),
    "3": ("Clinics and care homes", "Community health services"),
    "4": ("Classrooms and social services", "Law offices and public bodies"),
    "5": ("Studios, stages and newsrooms", "Sports and leisure centres"),
    "6": ("Shops, kitchens and hotels", "Service desks and call rooms"),
    "7": ("Building sites and workshops", "Warehouses and depots"),
    "8": ("Farms and forests", "Mines and fisheries"),
    "9": ("Factories and plants", "Power and water works"),
}
GUIDE = {
    "Category": "All the descriptors that have to do with {name}.",
    "Sub-Category": "A part of the guide: descriptors about {name}.",
    "Similarity Group": "Descriptors that are close to each other: {name}.",
    "Descriptor": "How much the work draws on, or involves, {name}.",
}
MOST_TEXTS = 3
MOST_TITLES = 12


def main() -> None:
    """Read the publishers' folder, write the sample."""
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    publishers = Path(sys.argv[1])
    target = Path(sys.argv[2] if len(sys.argv) == 3 else "data/source")
    sample = Sample(publishers)
    for file in sorted(publishers.glob("*/*.csv")):
        path = target / file.relative_to(publishers)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sample.slice(file))
    titles = target / "job_titles" / "job_titles.csv"
    titles.parent.mkdir(parents=True, exist_ok=True)
    titles.write_bytes(text_of(JOB_TITLES, end="\n").encode())
    size = sum(file.stat().st_size for file in target.glob("*/*.csv"))
    print(f"{len(sample.groups)} unit groups, {len(sample.profiles)} profiles, {size} bytes")


class Sample:
    """What belongs to the sample, and how each file is cut to it."""

    def __init__(self, publishers: Path) -> None:
        nodes = {row[2]: row[3] for row in rows_of(publishers / "noc/noc_structure_en.csv")[1:]}
        self.titles = nodes
        self.groups = set(CHOSEN)
        # The first occupation of each broad category and TEER that is not there yet.
        for code in sorted(code for code in nodes if len(code) == 5):
            if not any(group[:2] == code[:2] for group in self.groups):
                self.groups.add(code)
        self.classes = {group[:length] for group in self.groups for length in range(1, 6)}
        labels = rows_of(publishers / "oasis/labels_oasis_2023_v1.0.csv")[1:]
        self.profiles = {row[0]: row[1] for row in labels if row[0][:5] in self.groups}

    def slice(self, file: Path) -> bytes:
        """The sample of one file, in the file's own form."""
        raw = file.read_bytes()
        header, *rows = rows_of(file)
        kept = [header, *self._cut(file.name)(rows)]
        end = "\r\n" if raw.partition(b"\n")[0].endswith(b"\r") else "\n"
        mark = b"\xef\xbb\xbf" if raw.startswith(b"\xef\xbb\xbf") else b""
        return mark + text_of(kept, end).encode()

    def _cut(self, name: str) -> Callable[[list[Row]], Iterator[Row]]:
        cuts: dict[str, Callable[[list[Row]], Iterator[Row]]] = {
            "noc_structure": self._nodes,
            "guide": self._guide,
            "lead-statement": self._statements,
            "main-duties": self._duties,
            "employment-requirements": self._requirements,
            "additional-information": self._remarks,
            "workplaces-employers": self._workplaces,
            "example-titles": self._example_titles,
            "exclusions": self._exclusions,
        }
        return next((cut for start, cut in cuts.items() if name.startswith(start)), self._facts)

    def _facts(self, rows: list[Row]) -> Iterator[Row]:
        """Rows of facts: those of the sample's groups and profiles, and every aggregate."""
        for row in rows:
            aggregate = row[0] == "00000" or not row[0][:5].isdigit()
            if aggregate or row[0][:5] in self.groups:
                yield row

    def _nodes(self, rows: list[Row]) -> Iterator[Row]:
        for level, structure, code, title, definition in rows:
            if code in self.classes:
                sentence = f"This {structure.lower()} of the sample comprises {title.lower()}."
                yield [level, structure, code, title, like(definition, sentence)]

    def _guide(self, rows: list[Row]) -> Iterator[Row]:
        for code, name, structure, category, description in rows:
            sentence = GUIDE[structure].format(name=name.strip().lower()) if description else ""
            yield [code, name, structure, category, like(description, sentence)]

    def _statements(self, rows: list[Row]) -> Iterator[Row]:
        for code, statement in self._of_profiles(rows, most=1):
            sentence = (
                f"People of the profile {self._name(code)} do what its name says, "
                "in the ways that its ratings show."
            )
            yield [code, like(statement, sentence)]

    def _duties(self, rows: list[Row]) -> Iterator[Row]:
        for place, (code, duty) in enumerate(self._of_profiles(rows)):
            sentence = DUTIES[place % len(DUTIES)].format(title=self._name(code).lower())
            yield [code, like(duty, sentence)]

    def _requirements(self, rows: list[Row]) -> Iterator[Row]:
        seen: set[str] = set()
        for place, (code, requirement) in enumerate(self._of_profiles(rows, most=2)):
            sentence = MORE_REQUIREMENTS[place % 2] if code in seen else REQUIREMENTS[code[1]]
            seen.add(code)
            yield [code, like(requirement, sentence)]

    def _remarks(self, rows: list[Row]) -> Iterator[Row]:
        for place, (code, remark) in enumerate(self._of_profiles(rows, most=2)):
            yield [code, like(remark, REMARKS[place % 2])]

    def _workplaces(self, rows: list[Row]) -> Iterator[Row]:
        seen: dict[str, int] = defaultdict(int)
        for code, workplace, name in self._of_profiles(rows, most=2):
            yield [code, like(workplace, WORKPLACES[code[0]][seen[code]]), name]
            seen[code] += 1

    def _example_titles(self, rows: list[Row]) -> Iterator[Row]:
        """Titles are facts; of each profile the first few, and all that are repeated."""
        times: dict[tuple[str, str], int] = defaultdict(int)
        for row in rows:
            times[row[0], row[3]] += 1
        taken: dict[str, int] = defaultdict(int)
        for row in rows:
            if row[0] not in self.profiles:
                continue
            taken[row[0]] += 1
            if taken[row[0]] <= MOST_TITLES or times[row[0], row[3]] > 1:
                yield row

    def _exclusions(self, rows: list[Row]) -> Iterator[Row]:
        for row in rows:
            if row[0] in self.profiles and row[1][:5] in self.groups:
                yield row

    def _of_profiles(self, rows: list[Row], most: int = MOST_TEXTS) -> Iterator[Row]:
        taken: dict[str, int] = defaultdict(int)
        for row in rows:
            if row[0][:5] not in self.groups:
                continue
            taken[row[0]] += 1
            if taken[row[0]] <= most or "\n" in row[1]:
                yield row

    def _name(self, code: str) -> str:
        return self.profiles.get(code) or self.titles[code[:5]]


def like(original: str, sentence: str) -> str:
    """Our sentence with the quirks of the cell that it stands for: padding, breaks, NBSP."""
    if "\u00a0" in original:
        sentence = sentence.replace(" ", "\u00a0", 1)
    if "\n" in original.strip():
        sentence = f"{sentence}\nThe publisher's cell has a line break here, and so has this one."
    before = original[: len(original) - len(original.lstrip())]
    after = original[len(original.rstrip()) :]
    return f"{before}{sentence}{after}"


def rows_of(file: Path) -> list[Row]:
    """All records of a file, header first."""
    with file.open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.reader(handle, strict=True))


def text_of(rows: list[Row], end: str) -> str:
    """Records as CSV text."""
    text = io.StringIO()
    csv.writer(text, lineterminator=end).writerows(rows)
    return text.getvalue()


if __name__ == "__main__":
    main()
