"""Result files and what is made of them: comparisons, tables (``text``), pictures (``plots``)."""
