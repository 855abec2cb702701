"""``python -m openshelf`` is the ``openshelf`` command."""

from openshelf.cli import main

if __name__ == "__main__":
    main()
