"""Plan -> Run: steps in order, and the durable calls through which a run touches the world.

``launcher`` makes a run, ``session`` takes it to its end, ``runner`` and ``loops`` do
its steps, and ``durable`` makes each effect happen once.
"""
