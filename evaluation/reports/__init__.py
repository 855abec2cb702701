"""Reports as single HTML files that need no network.

A report holds texts of the documents and of the gold: who may read it must be allowed to read those.
"""

from __future__ import annotations

from evaluation.reports.evaluated import eval_report
from evaluation.reports.simulated import simulation_report
from evaluation.reports.texts import Texts, gold_texts
from evaluation.reports.tuned import tune_report

__all__ = ["Texts", "eval_report", "gold_texts", "simulation_report", "tune_report"]
