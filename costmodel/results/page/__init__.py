"""A result as one HTML file that needs nothing else: tables, pictures, sliders, origin."""
