"""Check of notebook 15: a split by the dish that the images come from."""

from __future__ import annotations

from unet_lab.course.checking import Wrong, called
from unet_lab.course.exercises.shuffling import SEEDS, must_be_shuffled, runs
from unet_lab.course.facts import facts
from unet_lab.course.leniency import sequence


def split_by_dish(answer) -> None:
    """my_split(names, train_fraction, seed): two lists of names; the images of one dish stay on one side."""
    names = [f"dish{dish}_{field}.tif" for dish in range(1, 13) for field in (1, 2, 3)]
    neighbour = (
        "A neighbour: to deal out whole families, not people: families = sorted({p.split('-')[0] for p in people}), shuffle the "
        "families, cut the list of families, then collect everybody of each."
    )
    parted, whole_dishes, sized, seeded, elsewhere = facts(
        "each image is in one part",
        "the images of a dish stay together",
        "the share counts dishes, and training comes first",
        "a seed gives one split, and other seeds other ones",
        "other names and numbers of dishes are split as well",
    )
    with parted:
        first = sides(called(answer, names, 0.75, 1))
        each_in_one_part(first, names, neighbour)
    dishes = [{dish_of(name) for name in side} for side in first]
    with whole_dishes:
        dishes_must_stay_together(dishes, first, neighbour)
    with sized:
        nine_must_train(answer, dishes, names, neighbour)
    with seeded:
        the_same_twice(answer, names, neighbour)
        seeds_must_differ(answer, set(first[0]), names, neighbour)
    with elsewhere:
        other_sets(answer, neighbour)


def each_in_one_part(first, names: list[str], neighbour: str) -> None:
    training, validation = first
    both = sorted(set(training) & set(validation))
    if both:
        clue = "Does each name go to one side? Two draws overlap; and dish10 begins with 'dish1': compare whole names of dishes."
        raise Wrong(f"{both[0]} is in training and in validation.", clue, neighbour)
    lost = sorted(set(names) - set(training) - set(validation))
    if set(training) | set(validation) == {dish_of(name) for name in names}:
        finding = "those are dishes, expected the names of their images."
        raise Wrong(finding, "[name for name in names if name.split('_')[0] in chosen] gives the names.", neighbour)
    if lost or len(training) + len(validation) != len(names):
        what = f"{lost[0]} is in neither part" if lost else "a name stands twice"
        raise Wrong(f"{what}.", "Every name belongs to one part, once.", neighbour)


def dishes_must_stay_together(dishes: list[set[str]], first, neighbour: str) -> None:
    shared = sorted(dishes[0] & dishes[1])
    if shared:
        dish = shared[0]
        where = [next(n for n in side if n.startswith(f"{dish}_")) for side in first]
        raise Wrong(
            f"{where[0]} is in training and {where[1]} in validation: the same dish, grown, stained and photographed together.",
            "Split the dishes, not the images: the dish is what stands before the underscore, name.split('_')[0].",
            neighbour,
        )


def nine_must_train(answer, dishes: list[set[str]], names: list[str], neighbour: str) -> None:
    """Nine of the twelve dishes are for training."""
    if dishes[0] and len(dishes[0]) == 3 and len(dishes[1]) == 9:
        raise Wrong("3 dishes for training and 9 for validation: the parts are swapped.", "Return training first.", neighbour)
    if len(dishes[0]) != 9:
        ones = {f"dish{k}" for k in (1, 10, 11, 12)}
        if not dishes[0] or not dishes[1]:
            empty = "validation" if dishes[0] else "training"
            finding = f"all 12 dishes are on one side: {empty} is empty."
            clue = "Print the dishes that you draw from: are there 12, each once? sorted({...}); shuffle, then cut that list."
            raise Wrong(finding, clue, neighbour)
        if ones <= dishes[0] or ones <= dishes[1]:
            raise Wrong(
                f"{len(dishes[0])} dishes for training, expected 9; dishes 1, 10, 11 and 12 always stay together.",
                "name[:5] is 'dish1' for all four of them. Cut at the underscore.",
                neighbour,
            )
        sizes_must_stay(answer, names, neighbour)
        raise Wrong(
            f"{len(dishes[0])} of 12 dishes for training, expected round(12 * 0.75) = 9.", "The share counts dishes.", neighbour
        )


def seeds_must_differ(answer, training: set[str], names: list[str], neighbour: str) -> None:
    other = sides(called(answer, names, 0.75, 2))
    if set(other[0]) == training:
        third = sides(called(answer, names, 0.75, 3))
        if set(third[0]) == training:
            raise Wrong(
                "seeds 1, 2 and 3 give the same split: nothing is drawn at random.",
                "Dishes are numbered by day; the last ones may differ in kind. Shuffle the dishes with the seed.",
                neighbour,
            )


def the_same_twice(answer, names, neighbour) -> None:
    """Wrong where one seed gives two splits: at the next calls, or after a call with another seed and other names."""
    for seed in (1, 0, 7, 42):
        first = sides(called(answer, names, 0.75, seed))
        again = [sides(called(answer, names, 0.75, seed)) for _ in range(3)]
        called(answer, names[:9], 0.5, seed + 1)
        again.append(sides(called(answer, names, 0.75, seed)))
        if any((set(a), set(b)) != (set(first[0]), set(first[1])) for a, b in again):
            only = " 0 is a seed as any other: `if seed` and `seed or …` take it for none." if seed == 0 else ""
            finding = f"two calls with seed {seed} give two splits.{only}"
            raise Wrong(finding, "Draw with np.random.default_rng(seed), made inside, whatever the seed.", neighbour)


def every_seed_its_own(answer, neighbour) -> None:
    """Wrong where two seeds share one split of many dishes: only a part of the seed counts."""
    many, seen = [f"dish{dish}_1.tif" for dish in range(101, 141)], {}
    for seed in (*range(8), 10, 42, 100, 101, 255, 256, 257, 1000, 1001, 65_536, 2**31 - 1):
        key = tuple(sorted(sides(called(answer, many, 0.5, seed))[0]))
        if key in seen and runs({dish_of(name) for name in key}, [dish_of(name) for name in many]) > 1:
            finding = (
                f"the seeds {seen[key]} and {seed} give the same split: only a part of the seed counts, or few splits are known."
            )
            raise Wrong(finding, "Give the seed to the generator as it is: np.random.default_rng(seed).", neighbour)
        seen[key] = seed


def sizes_must_stay(answer, names, neighbour) -> None:
    """Wrong where the number of dishes that train differs from seed to seed."""
    counts = {len({dish_of(name) for name in sides(called(answer, names, 0.75, seed))[0]}) for seed in range(1, 7)}
    if len(counts) > 1:
        finding = f"{min(counts)} to {max(counts)} of 12 dishes train, by the seed; expected round(12 * 0.75) = 9, always."
        clue = (
            "A coin for each dish, or a draw with replacement, gives the share on average only: shuffle once, then cut. And "
            "dish1 must not take dish10 with it."
        )
        raise Wrong(finding, clue, neighbour)


def dish_of(name: str) -> str:
    return str(name).split("_")[0]


class Name(str):
    """A name whose hash, and with it its place in a set, can be changed, as it changes from one start of Python to the next."""

    salt = 0

    def __hash__(self):
        return hash((Name.salt, str(self)))

    def __eq__(self, other):
        return str(self) == str(other)

    def __getitem__(self, place):
        return Name(str(self)[place])

    def split(self, *given):
        return [Name(part) for part in str(self).split(*given)]

    def partition(self, *given):
        return tuple(Name(part) for part in str(self).partition(*given))

    def rpartition(self, *given):
        return tuple(Name(part) for part in str(self).rpartition(*given))


def other_sets(answer, neighbour) -> None:
    """Other dishes, not numbered through, with unequal numbers of fields; and the same set in other runs of Python."""
    few = {1: 2, 2: 1, 7: 4, 17: 12, 20: 3, 103: 1, 3: 2, 110: 11, 1030: 2, 44: 13, 4: 1}
    long = dict.fromkeys(range(10301, 10309), 2)
    edges = [(dict.fromkeys(range(1, count + 1), 2), part, 8) for count, part in ((4, 0.75), (4, 0.25), (12, 11 / 12), (2, 0.5))]
    for fields, fraction, seed in ((few, 0.7, 3), (few, 0.5, 4), (few, 0.3, 5), (long, 0.5, 6), (long, 0.25, 7), *edges):
        names = [f"dish{dish}_{field}.tif" for dish, count in fields.items() for field in range(1, count + 1)]
        training, validation = sides(called(answer, names, fraction, seed))
        dishes = [{dish_of(name) for name in side} for side in (training, validation)]
        shared = sorted(dishes[0] & dishes[1])
        said = f"for dishes {', '.join(map(str, fields))} at {fraction:.0%}"
        if shared:
            finding = f"{said}: {shared[0]} is in training and in validation: is the dish's whole name compared?"
            clue = "Compare the whole name of the dish, name.split('_')[0]: not the first letters, not `in`, not startswith."
            raise Wrong(finding, clue, neighbour)
        if sorted(training + validation) != sorted(names):
            finding = f"{said}: other names come out than went in; it works for dish1 to dish12 only?"
            raise Wrong(finding, "Take the dishes from the names that are given.", neighbour)
        count = len(fields)
        if abs(len(dishes[0]) - fraction * count) >= 1 and len(dishes[0]) == round(0.75 * count):
            finding = f"{said}: {len(dishes[0])} of {count} dishes train, three quarters as before: train_fraction is not used."
            raise Wrong(finding, "round(train_fraction * number of dishes), whatever the fraction is.", neighbour)
        if abs(len(dishes[0]) - fraction * count) >= 1:
            finding = (
                f"{said}: {len(dishes[0])} of {count} dishes train, expected {round(fraction * count)}: the share is of dishes."
            )
            clue = (
                "Take the dishes from the names that are given, by their whole names, not the first letters; then "
                "round(train_fraction * number of dishes) of them."
            )
            raise Wrong(finding, clue, neighbour)
    names = [f"dish{dish}_{field}.tif" for dish, count in few.items() for field in range(1, count + 1)]
    every_seed_its_own(answer, neighbour)
    order = list(dict.fromkeys(dish_of(name) for name in names))
    drawn = [list(map(dish_of, sides(called(answer, names, 0.5, seed))[0])) for seed in range(SEEDS)]
    clue = "Shuffle all dishes, np.random.default_rng(seed).permutation(dishes), and then cut."
    for things in (order, sorted(order)):
        must_be_shuffled(drawn, things, "dishes", clue)
    salted = []
    try:
        for salt in range(5):
            Name.salt = salt
            salted.append(sorted(map(str, sides(called(answer, [Name(name) for name in names], 0.5, 1))[0])))
    finally:
        Name.salt = 0
    if any(each != salted[0] for each in salted):
        raise Wrong(
            "in another run of Python the same seed gives another split: it depends on the order of a set, or on hash().",
            "A set of texts has another order in each. Sort the dishes before you shuffle: sorted({...}).",
            neighbour,
        )


def sides(result) -> tuple[list[str], list[str]]:
    try:
        training, validation = result
        training, validation = sequence(training), sequence(validation)
        if all(isinstance(n, int) for n in [*training, *validation]):
            raise Wrong("those are indices, expected names.", "[names[k] for k in …] gives the names.")
        if not all(isinstance(n, str) for n in training + validation):
            raise TypeError
        return training, validation
    except (TypeError, ValueError):
        raise Wrong(
            f"expected two lists of names, got {type(result).__name__}.",
            "End with: return training, validation.",
        ) from None
