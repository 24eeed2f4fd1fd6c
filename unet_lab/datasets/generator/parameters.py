"""What may vary in a generated micrograph: every randomisation by its name, with its range.

A drawing is random in some fifty ways. Each is a field of `CellParameters`: a pair (least, most) from which each cell draws its
own value. The ranges go far beyond what was measured on three real lymphocyte frames (nucleus to cell area 0.33 to 0.59, cell
diameter 0.67 to 0.81 of the frame, lighting ramp of 16 to 92 greys, …), so that a network cannot learn one look by heart:
domain randomisation (Tobin et al. 2017). The *plain* value of a field is what it has where that randomisation is switched off.

Lengths are fractions of the frame at magnification 1, or of the cell's radius where that is said; greys run from 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

import numpy as np


def vary(least: float, most: float, plain: float, what: str, group: str, skew: float = 1.0, whole: bool = False):
    notes = {"plain": plain, "what": what, "group": group, "skew": skew, "whole": whole}
    return field(default=(least, most), metadata=notes)


def count(most: int, plain: int, what: str, group: str, skew: float = 1.0):
    return vary(0, most, plain, what, group, skew, whole=True)


def _chance(often: float, what: str, group: str):
    return field(default=(often, often), metadata={"plain": 0.0, "what": what, "group": group, "skew": 1.0, "whole": False})


@dataclass(frozen=True)
class CellParameters:
    """The ranges of all randomisations.

    `CellParameters(mitochondria=(30, 30))` has thirty in every cell, `CellParameters()` is the full variety. A range is a pair
    (least, most) or one number for always that. `CellParameters.describe()` lists the names with what they mean.
    """

    # the frame
    magnification: tuple = vary(0.65, 1.2, 1.0, "scale of everything in the frame", "frame")
    cell_offset: tuple = vary(0.0, 0.13, 0.03, "distance of the cell's middle from the frame's", "frame")
    neighbours: tuple = count(3, 0, "other cells, most of them cut by the frame; background in the mask", "frame", 1.6)
    debris: tuple = count(18, 0, "cut-off processes and fragments lying about", "frame", 2.0)
    debris_size: tuple = vary(0.010, 0.110, 0.03, "radius of the largest fragment", "frame", 2.0)
    ghosts: tuple = count(3, 0, "large, pale, empty remains of cells", "frame", 2.5)
    specks: tuple = count(10, 0, "blurred dark specks behind the cell", "frame")
    empty_chance: tuple = _chance(0.0, "chance of a frame in which no cell is labelled", "frame")
    # the cell's outline
    cell_radius: tuple = vary(0.29, 0.43, 0.36, "the cell's mean radius", "outline")
    elongation: tuple = vary(0.0, 0.22, 0.0, "how oval the cell is: long axis over short, less one, halved", "outline", 1.5)
    outline_waves: tuple = vary(0.01, 0.10, 0.02, "unevenness of the outline, of the radius", "outline")
    microvilli: tuple = count(60, 0, "short fingers all around", "outline")
    microvilli_length: tuple = vary(0.02, 0.14, 0.06, "their length, of the radius", "outline")
    filopodia: tuple = count(12, 0, "long thin processes", "outline", 3.0)
    filopodia_length: tuple = vary(0.15, 0.6, 0.3, "their length, of the radius", "outline")
    loose_pieces: tuple = count(10, 0, "cut-off pieces beside the outline; background in the mask", "outline")
    bending: tuple = vary(0.0, 0.022, 0.0, "elastic bending of the whole drawing, standard deviation", "outline")
    # the nucleus
    missed_chance: tuple = _chance(0.0, "chance that the section misses the nucleus", "nucleus")
    nucleus_size: tuple = vary(0.55, 0.97, 0.70, "radius of the nucleus before it is cut to the cell, of the cell's", "nucleus")
    nucleus_offset: tuple = vary(0.0, 0.38, 0.08, "distance of its middle from the cell's, of the radius", "nucleus", 1.3)
    nucleus_margin: tuple = vary(0.04, 0.16, 0.08, "least cytoplasm between nucleus and outline, of the radius", "nucleus", 1.3)
    nucleus_waves: tuple = vary(0.02, 0.13, 0.04, "unevenness of its outline", "nucleus")
    grooves: tuple = count(4, 0, "notches: one wide one makes a kidney, several narrow ones lobes", "nucleus", 1.3)
    groove_depth: tuple = vary(0.15, 0.80, 0.4, "their depth, of the nucleus' radius", "nucleus")
    groove_width: tuple = vary(0.09, 0.60, 0.2, "their width in radians", "nucleus", 1.5)
    profiles: tuple = vary(1, 3, 1, "separate pieces in which a folded nucleus is cut", "nucleus", 4.0, whole=True)
    # the cytoplasm
    body_darkness: tuple = vary(0.08, 0.50, 0.28, "how much darker than the background", "cytoplasm")
    body_grain: tuple = vary(0.005, 0.065, 0.02, "ribosomes: fine grain", "cytoplasm")
    body_mottle: tuple = vary(0.0, 0.06, 0.0, "uneven staining over longer ways", "cytoplasm")
    membranes: tuple = vary(-0.06, 0.12, 0.0, "endoplasmic reticulum: contrast of thin bent lines", "cytoplasm")
    rim: tuple = vary(0.0, 0.20, 0.08, "dark cell membrane", "cytoplasm")
    mitochondria: tuple = count(28, 4, "dark rounded bodies", "cytoplasm")
    mitochondria_size: tuple = vary(0.012, 0.075, 0.03, "radius of the largest", "cytoplasm")
    mitochondria_darkness: tuple = vary(0.02, 0.40, 0.15, "how much darker than the cytoplasm", "cytoplasm")
    mitochondria_gathering: tuple = vary(0.0, 1.0, 0.0, "whether they lie on one side, as at the Golgi apparatus", "cytoplasm")
    vacuoles: tuple = count(16, 0, "bright round vesicles with a thin rim", "cytoplasm", 1.5)
    granules: tuple = count(25, 0, "small dense dots", "cytoplasm", 2.5)
    # the chromatin
    nucleus_shade: tuple = vary(-0.24, 0.20, -0.16, "mean grey of the nucleus less that of the cytoplasm", "chromatin")
    chromatin_contrast: tuple = vary(0.04, 0.42, 0.2, "euchromatin less heterochromatin", "chromatin")
    heterochromatin: tuple = vary(0.12, 0.75, 0.45, "share of the nucleus that is dark", "chromatin")
    chromatin_at_envelope: tuple = vary(0.0, 1.0, 0.6, "how far the dark gathers along the envelope", "chromatin")
    chromatin_clumps: tuple = vary(0.035, 0.18, 0.09, "width of the clumps", "chromatin")
    chromatin_sharpness: tuple = vary(2.0, 14.0, 7.0, "how sharply they end", "chromatin")
    chromatin_grain: tuple = vary(0.005, 0.07, 0.03, "grain of the euchromatin", "chromatin")
    nucleolus_chance: tuple = _chance(0.4, "chance of a dense round nucleolus", "chromatin")
    envelope: tuple = vary(-0.03, 0.16, 0.06, "darkness of the nuclear envelope", "chromatin")
    cleft: tuple = vary(-0.06, 0.14, 0.0, "bright (or dark) line around it", "chromatin")
    # the section and the microscope
    background: tuple = vary(0.68, 0.95, 0.85, "grey of the empty section", "microscope")
    background_mottle: tuple = vary(0.0, 0.05, 0.01, "unevenness of it", "microscope")
    smears: tuple = count(12, 0, "dark soft stains on top of everything", "microscope", 2.0)
    fold_chance: tuple = _chance(0.12, "chance of a fold: a soft dark or bright band", "microscope")
    grid_bar_chance: tuple = _chance(0.18, "chance of a black grid bar", "microscope")
    scale_bar_chance: tuple = _chance(0.45, "chance of a burnt-in scale bar with text", "microscope")
    shading: tuple = vary(0.0, 0.35, 0.05, "lighting ramp across the frame", "microscope")
    charging: tuple = vary(0.0, 0.05, 0.0, "horizontal streaks and bright edges", "microscope", 3.0)
    defocus: tuple = vary(0.0, 0.006, 0.001, "standard deviation of the blur", "microscope", 1.5)
    noise: tuple = vary(0.001, 0.045, 0.01, "fine noise of the detector", "microscope", 1.5)
    gamma: tuple = vary(0.65, 1.45, 1.0, "exponent of the greys", "microscope")
    contrast: tuple = vary(0.6, 1.4, 1.0, "stretch of the greys", "microscope")
    brightness: tuple = vary(-0.08, 0.10, 0.0, "shift of the greys", "microscope")

    def __post_init__(self):
        for name, value in self.__dict__.items():
            pair = (value, value) if isinstance(value, int | float) else tuple(value)
            numbers = all(isinstance(v, int | float | np.number) and np.isfinite(v) for v in pair)
            if len(pair) != 2 or not numbers or pair[0] > pair[1]:
                raise ValueError(f"{name} is {value!r}; allowed is a range (least, most) or one number, e.g. {name}=0.1.")
            if pair[0] < 0 and self.default(name)[0] >= 0:
                raise ValueError(f"{name} is {value!r}; it cannot be negative.")
            object.__setattr__(self, name, pair)

    @classmethod
    def default(cls, name: str) -> tuple[float, float]:
        """The range that a field has in the full variety."""
        return _FIELDS[name].default

    @classmethod
    def value(cls, name: str, share: float) -> float:
        """The value at `share` (0 to 1) of a parameter's range in the full variety; of a chance, from never to always."""
        chance = name.endswith("_chance")
        least, most = (0.0, 1.0) if chance else cls.default(name)
        value = least + share * (most - least)
        return round(value) if _FIELDS[name].metadata["whole"] or chance else value

    @staticmethod
    def describe() -> dict[str, str]:
        """Every field's name and what it means."""
        return {name: f.metadata["what"] for name, f in _FIELDS.items()}

    @staticmethod
    def groups() -> dict[str, list[str]]:
        """The fields' names by what they belong to: frame, outline, nucleus, cytoplasm, chromatin, microscope."""
        found: dict[str, list[str]] = {}
        for name, f in _FIELDS.items():
            found.setdefault(f.metadata["group"], []).append(name)
        return found

    def without(self, *names: str) -> CellParameters:
        """The same with these randomisations switched off: each always has its plain value. A group's name means all of it."""
        groups = self.groups()
        unknown = [n for n in names if n not in _FIELDS and n not in groups]
        if unknown:
            names = f"{', '.join(_FIELDS)}; groups: {', '.join(groups)}"
            raise ValueError(f"there is no randomisation {unknown[0]!r}; there are {names}.")
        singles = [single for name in names for single in groups.get(name, [name])]
        return replace(self, **{name: (_FIELDS[name].metadata["plain"],) * 2 for name in singles})

    def showing(self, name: str) -> CellParameters:
        """The same with what it takes to see this parameter turn: the depth of grooves needs grooves."""
        return replace(self, **_NEEDS.get(name, {}))

    def eased(self, difficulty: float) -> CellParameters:
        """Every range drawn together towards its plain value: 1 leaves all as it is, 0 makes each cell plain."""
        ranges = {}
        for name, f in _FIELDS.items():
            plain = f.metadata["plain"]
            ranges[name] = tuple(plain + difficulty * (end - plain) for end in getattr(self, name))
        return replace(self, **ranges)

    def draw(self, rng: np.random.Generator) -> dict[str, float]:
        """One value for each field; probabilities stay what they are. The order of the fields fixes which number each gets."""
        values = {}
        for f, chance in zip(_FIELDS.values(), rng.random(len(_FIELDS)).tolist(), strict=True):
            least, most = getattr(self, f.name)
            share = chance ** f.metadata["skew"]
            if f.metadata["whole"]:
                values[f.name] = min(int(least + share * (most - least + 1)), int(most))
            else:
                values[f.name] = least + share * (most - least)
        return values


_FIELDS = {f.name: f for f in fields(CellParameters)}
_NEEDS = {
    "debris_size": {"debris": 8},
    "microvilli_length": {"microvilli": 20},
    "filopodia_length": {"filopodia": 6},
    "nucleus_margin": {"nucleus_size": 0.95},
    "groove_depth": {"grooves": 3},
    "groove_width": {"grooves": 3, "groove_depth": 0.6},
    "mitochondria_size": {"mitochondria": 15},
    "mitochondria_darkness": {"mitochondria": 15},
    "mitochondria_gathering": {"mitochondria": 15},
}
