"""Find a better configuration by measuring: ``openshelf tune tune.yaml``.

    settings → knobs → space      what tune.yaml says, every combination a valid configuration
    study → candidates → bench    the base first, then one configuration after the other, each kept at once
    judging                       leaderboard, front, winner on held-out questions, effects: ``StudyResult``

docs/tuning.md says how to use it.
"""
