"""The demo: invented people, four weeks of traffic, and nothing written behind the service's back.

`cast` is who appears, `story` what happens (a function of the seed alone), `shops` how a shop would tell it, `stage`
the running installation, `player` the visitors and shops on real HTTP, `verdict` what must have come out.
"""
