"""Classes of single bases as a task of a suite: what a YAML says of them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class PerBase:
    """A class of a base is what covers it, in the middle of bases that are not labelled.

    Attributes:
        genome: a file below the data folder.
        labels: BED, whose fourth column says the class, or an annotation, whose types do.
        test_region: what is tested on, such as ``last:0.2``.
        classes: that are learned, two or more together with ``other``; none: all names of a BED.
        other: name of the class of bases that no row of ``labels`` covers; "" leaves them out.
        sources: of rows of an annotation that are read, by its second column; none: all.
        context: bases around and with the labelled one, odd: what everybody sees.
        max_train, max_test: bases of a class at most.
    """

    genome: str
    labels: str
    test_region: str
    classes: list[str] = field(default_factory=list)
    other: str = ""
    sources: list[str] = field(default_factory=list)
    context: int = 255
    max_train: int = 300
    max_test: int = 200

    def __post_init__(self) -> None:
        if self.context < 1 or self.context % 2 == 0:
            raise ValueError(f"context is {self.context}; expected an odd number of bases")
        if min(self.max_train, self.max_test) < 1:
            raise ValueError("max_train and max_test are 1 or more")
        if len(set(self.classes)) < len(self.classes) or self.other in self.classes:
            raise ValueError("a class is there twice")
        if self.classes and len(self.classes) + bool(self.other) < 2:
            raise ValueError("there is one class; give two, or a name for other")

    @property
    def files(self) -> list[str]:
        """What must lie in the data folder."""
        return [self.genome, self.labels]
