"""Words to probabilities: how sure a writer is of an effect, by one published table, and the weight's prior that follows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from pydantic import Field

from ripeness.elicitation.cited import Cited, KnownIds, Table, parse
from ripeness.errors import Fault, did_you_mean
from ripeness.workspace.toml import TomlFile

FILE = "strength.toml"


class _Published(Cited):
    """The `[table]` of strength.toml: which published table is used, and why this one."""

    statistic: str


class _Listed(Table):
    """A word of the published table."""

    word: str
    probability: float = Field(ge=0, lt=1)


class _ReadAs(Table):
    """A word that the table lacks, and the listed word it is read as."""

    word: str
    read_as: str
    why: str = Field(min_length=10)


@dataclass(frozen=True)
class Strengths:
    """The probability, in [0, 1], that an effect is real and of the claimed sign, by the word that claims it.

    Parameters
    ----------
    probabilities : dict
        Of the listed words and of the words read as one of them.
    read_as : dict
        Word to the listed word it is read as.
    citations : tuple of str
        Source of the table.
    """

    probabilities: Mapping[str, float]
    read_as: Mapping[str, str]
    citations: tuple[str, ...]

    def __getitem__(self, word: str) -> float:
        return self.probabilities[word]

    def __contains__(self, word: object) -> bool:
        return word in self.probabilities


def read_strengths(toml: TomlFile, known: KnownIds, words: Iterable[str], faults: list[Fault]) -> Strengths:
    """Read strength.toml; what is wrong is added to `faults`.

    Parameters
    ----------
    words : iterable of str
        Words that claims of effects use, all of which need a probability.
    """
    published = parse(_Published, toml, faults, "table") if "table" in toml.data else None
    if "table" not in toml.data:
        faults.append(toml.fault((), "no [table]", "the citation of the published table", "add a [table] with its citation"))
    if published:
        faults += known.faults(toml, ("table",), published)
    probabilities: dict[str, float] = {}
    for number in range(len(toml.data.get("listed", []))):
        listed = parse(_Listed, toml, faults, "listed", number)
        if listed and listed.word in probabilities:
            faults.append(toml.fault(("listed", number), f"'{listed.word}' a second time", "each word once", "remove one of them"))
        if listed:
            probabilities[listed.word] = listed.probability
    table = dict(probabilities)
    read_as: dict[str, str] = {}
    words = set(words)
    for number in range(len(toml.data.get("read_as", []))):
        row = parse(_ReadAs, toml, faults, "read_as", number)
        if not row:
            continue
        key = ("read_as", number)
        if row.read_as not in table:
            faults.append(
                toml.fault((*key, "read_as"), f"'{row.read_as}'", "a word of the [[listed]] ones", did_you_mean(row.read_as, list(table)))
            )
            continue
        if row.word in probabilities:
            faults.append(toml.fault((*key, "word"), f"'{row.word}' a second time", "each word once", "remove one of them"))
        if row.word not in words:
            faults.append(toml.fault((*key, "word"), f"'{row.word}', which no claim of an effect uses", "a word in use", "remove it"))
        probabilities[row.word], read_as[row.word] = table[row.read_as], row.read_as
    for word in sorted(words - probabilities.keys()):
        mend = f'add a [[read_as]] with word = "{word}"'
        faults.append(toml.fault((), f"no probability for the word '{word}' of a claim", "every word of a claim of an effect", mend))
    return Strengths(probabilities, read_as, published.citations if published else ())


def sign_probability(real: float) -> float:
    """P(weight has the claimed sign) when the effect is real and of that sign with probability `real`, in [0, 1].

    If it is not, nothing is known of the weight, whose sign is then a coin's toss: P = real + (1 − real)/2. A word like "might" (0.40) so
    speaks weakly for a claim, never against it; silence (0) gives a half.
    """
    return (1 + real) / 2


def effect_prior(probability: float, size: float) -> tuple[float, float]:
    """Mean and standard deviation of the Normal with P(w > 0) = `probability` and root mean square `size`.

    With q = Φ⁻¹(probability): mean = size·q/√(1+q²), sd = size/√(1+q²).

    Parameters
    ----------
    probability : float
        In (0, 1).
    size : float
        Root mean square of the weight, > 0.

    Raises
    ------
    ValueError
        If either is out of range.
    """
    if not 0 < probability < 1 or size <= 0:
        raise ValueError(f"a probability inside (0, 1) and a positive size, not {probability} and {size}")
    q = NormalDist().inv_cdf(probability)
    return size * q / sqrt(1 + q * q), size / sqrt(1 + q * q)
