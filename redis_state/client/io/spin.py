"""How long to look for a reply again and again, before sleeping until it comes.

To fall asleep and be woken takes longer than a server nearby takes to answer; so it pays to stay
awake for that long. Where the answers take longer, it would be a waste, and is given up.
"""

from __future__ import annotations

# Seconds; to fall asleep and be woken alone takes some 60 to 90 µs, also of the CPU.
_SPELL = 150e-6
_GIVES_UP_AFTER = 8
_TRIES_AGAIN_AFTER = 64


class Spin:
    """Remembers of one connection whether it has lately paid to stay awake."""

    __slots__ = ("_in_vain", "spell")

    def __init__(self) -> None:
        self.spell = _SPELL
        self._in_vain = 0

    def rewarded(self) -> None:
        """Note that something came before the spell was over."""
        self._in_vain = 0

    def in_vain(self) -> None:
        """Note that nothing came before the spell was over."""
        self._in_vain += 1
        if self._in_vain >= _TRIES_AGAIN_AFTER:
            self._in_vain, self.spell = _GIVES_UP_AFTER - 1, _SPELL
        elif self._in_vain >= _GIVES_UP_AFTER:
            self.spell = 0.0
