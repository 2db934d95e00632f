"""Says in one line of JSON which Python this is and which Namewright it has; runs on any Python."""

import json
import sys

try:
    from importlib.metadata import version

    namewright = version("namewright")
except Exception:  # an old Python, or no such distribution
    namewright = None
json.dump(
    {"version": list(sys.version_info[:3]), "namewright": namewright, "path": sys.executable},
    sys.stdout,
)
