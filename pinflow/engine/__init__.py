"""Plan -> Run: steps in order, and the durable calls through which a run touches the world.

``journal`` remembers a run on disk, ``lock`` keeps a second process out of it,
``durable`` makes each effect happen once, and ``planned`` stands for what a dry
run would have made.
"""
