#!/usr/bin/env python
"""Django's command line."""

import sys

from cms_project import doctor, starting


def main() -> None:
    if sys.argv[1:2] == ["doctor"]:  # it has to work where the settings refuse to load
        sys.exit(doctor.main())
    starting.load_settings()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
