"""Pictures of a page in its dresses, and what axe says of each."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from axe_playwright_python.sync_playwright import Axe


@dataclass(frozen=True, slots=True)
class Sights:
    """``folder`` keeps the pictures: NAME-light.png, NAME-dark.png, NAME-phone.png, NAME-phone-dark.png."""

    folder: Path

    DRESSES: ClassVar[dict[str, tuple[str, int, int]]] = {
        "light": ("light", 1000, 900),
        "dark": ("dark", 1000, 900),
        "phone": ("light", 320, 700),
        "phone-dark": ("dark", 320, 700),
    }

    def take(self, page: Any, name: str) -> None:
        """All dresses; each is judged, and none is wider than its window. The page is left as it was."""
        before = page.viewport_size
        for dress, (scheme, width, height) in self.DRESSES.items():
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.screenshot(path=self.folder / f"{name}-{dress}.png", full_page=True)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{name} is {wide} px wide in {width}"
            # Colours are a scheme's, all else is a width's: two of the four show all that there is to find.
            found = faults(page) if dress in {"light", "phone-dark"} else []
            assert not found, f"{name}, {dress}: {found}"
        page.emulate_media(color_scheme="light", reduced_motion="no-preference")
        page.set_viewport_size(before)


def faults(page: Any) -> list[tuple[str, str]]:
    """Axe's findings of whatever weight: rule and element."""
    found = Axe().run(page).response["violations"]
    return [(rule["id"], node["html"]) for rule in found for node in rule["nodes"]]


def opens_fast(page: Any) -> bool:
    """Whether it is there within five seconds, at the best of three times: a machine may have other things to do."""
    for _ in range(3):
        if page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd") < 5000:
            return True
        page.reload()
    return False
