"""One feature a module: each reads facts, decides, calls the engine, renders and sends."""
