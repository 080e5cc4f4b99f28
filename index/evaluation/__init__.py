"""How well does it answer? Question sets in, figures out.

Every question is asked through ``Engine`` alone, across the whole article, as a user
would ask it: what is measured is what answers.
"""

from __future__ import annotations

from index.evaluation.ablation import ablate
from index.evaluation.asking import Evaluation, evaluate
from index.evaluation.charts import plot
from index.evaluation.figures import Figure, Figures
from index.evaluation.outcome import Asked, Outcome

__all__ = ["Asked", "Evaluation", "Figure", "Figures", "Outcome", "ablate", "evaluate", "plot"]
