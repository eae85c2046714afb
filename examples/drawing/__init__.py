"""What draw_pictures.py draws with: a small painter and one module per family of pictures."""
