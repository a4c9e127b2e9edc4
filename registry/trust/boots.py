"""How far each boot of a gateway has spoken: what a broker has recorded and says again is no news. In the caller's transaction.

A hello names its boot and the monotonic clock of it, which only goes forward. New credentials make everything old worthless by
its MAC, so then it is forgotten.
"""

from typing import Final

from registry.trust.models import BootHeard

MOST: Final = 2_000  # boots remembered of one gateway; that is one a day for five years


def is_news(gateway_id: str, boot_id: str, mono_ms: int | None) -> bool:
    """Has this gateway not said this, or something later, before? None: of an older version, which was never newer."""
    heard = BootHeard.objects.filter(gateway=gateway_id)
    if mono_ms is None:
        return not heard.exists()
    mark = heard.filter(boot_id=boot_id).values_list("mono_ms", flat=True).first()
    return mark is None or mono_ms > mark


def note(gateway_id: str, boot_id: str, mono_ms: int | None) -> None:
    """It said something then, which was news."""
    if mono_ms is None:
        return
    _, made = BootHeard.objects.update_or_create(gateway_id=gateway_id, boot_id=boot_id, defaults={"mono_ms": mono_ms})
    if made:
        edge = BootHeard.objects.filter(gateway=gateway_id).order_by("-pk").values_list("pk", flat=True)[MOST : MOST + 1].first()
        if edge is not None:
            BootHeard.objects.filter(gateway=gateway_id, pk__lte=edge).delete()


def forget(gateway_id: str) -> None:
    BootHeard.objects.filter(gateway=gateway_id).delete()
