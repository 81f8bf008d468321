"""Only ``atmn`` needs this package: ``catalog.*``, and what ``atmn push`` asks before it changes a plan.

``atmn`` keeps features and plans in a file. A push sends all of them: :mod:`.preview` compares them with what the
organisation has, :mod:`.update` carries the same changes out.
"""
