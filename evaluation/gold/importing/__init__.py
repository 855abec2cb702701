"""Takes gold in from the layouts that others use; a bad record is named and the others are kept."""

from evaluation.gold.importing.collecting import Bad, Imported, Importing
from evaluation.gold.importing.formats import FORMATS, import_from

__all__ = ["FORMATS", "Bad", "Imported", "Importing", "import_from"]
