"""How to ask each provider and read its answer (sans I/O), one module each. `http.py` sends."""
