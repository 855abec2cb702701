"""The YAML: its schema, how it is read and checked, and the presets that ship.

``loader.load`` reads a file, ``loader.from_mapping`` a mapping; both give a ``Loaded``. The presets
``quickstart.yaml``, ``file-search.yaml`` and ``support.yaml`` lie beside this file.
"""
