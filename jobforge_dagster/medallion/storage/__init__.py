"""Where things lie, and how they are written: atomically, durably, and never half.

The only part of the platform, with ``readers`` and ``fetching``, that touches files.
"""
