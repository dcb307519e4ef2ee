"""Records how folios that their PMD maps are forked and unmapped."""
