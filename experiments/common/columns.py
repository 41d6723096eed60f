"""The columns of every CSV that a study writes: one meaning for one name, in one place.

Names are lower-case words; the unit comes last where there is one. Logarithms are natural, in nats. Steps, seeds and
units count from 0. `Workdir.write_csv` refuses a column that is not here, and tells in `columns.csv` what those of a
folder mean.
"""

COLUMNS = {
    # What a row is about
    "cell": "cell, as figures call it",
    "task": "task, without its length",
    "remedy": "remedy, or several joined by a plus sign; none for the cell as it is",
    "seed": "seed of the network",
    "training_step": "training steps done",
    "length_steps": "length of the task's sequences",
    "distance_steps": "time steps back from the loss",
    "time_step": "time step of a sequence",
    "when": "before, during or after training",
    "path": "way of the gradient through the fields of the state",
    "gate": "gate, by its letter",
    "layer": "number of the layer; layer 0 reads the input",
    "part": "the weight whose gradient it is a part of",
    "index": "distance in steps, or the number of an exponent, of a unit or of a sequence",
    "axis": "what the study varies",
    "axis_value": "value of what the study varies",
    "gain": "gain at the start: of a normalisation, or of the recurrent matrix",
    "setting": "how a published figure was set up, or what was changed from that",
    "nonlinearity": "nonlinearity of the network",
    "network": "random network, by its cell and gain",
    "weight": "recurrent weight of a unit",
    "bias": "bias of a unit",
    "correlation": "correlation of an input with the next one",
    # A tidy table of several quantities
    "quantity": "what the value is of",
    "field": "field of the carry, gate, or other part of the quantity",
    "statistic": "how the value was made of several: median, median_ratio (over the value at the loss) and others",
    "value": "the number",
    "unit": "unit of the value",
    # Gradients
    "log_norm_q10_nats": "10 % quantile of the log norm of the gradient",
    "log_norm_median_nats": "median of the log norm of the gradient",
    "log_norm_q90_nats": "90 % quantile of the log norm of the gradient",
    "log_norm_lowest_nats": "log norm of the gradient, lowest of the seeds",
    "log_norm_highest_nats": "log norm of the gradient, highest of the seeds",
    "log_relative_norm_nats": "median log norm of the gradient over that at distance 0",
    "log_ratio_lowest_nats": "log norm of the gradient over that at the loss, lowest of the seeds",
    "log_ratio_median_nats": "log norm of the gradient over that at the loss, median of the seeds",
    "log_ratio_highest_nats": "log norm of the gradient over that at the loss, highest of the seeds",
    "log_ratio_theory_nats": "log norm of the gradient over that at the loss, as theory has it",
    "log_norm_nats": "log norm of a product of Jacobians, or of a gradient",
    "log_bound_nats": "log of the bound on that norm from the singular values of the recurrent matrix",
    "log_left_nats": "log norm of the gradient at the first step over that at the last",
    "gradient_norm": "norm of the gradient by weight and bias",
    "squared_error": "squared error after the last step",
    "real_part": "real part of an eigenvalue",
    "imaginary_part": "imaginary part of an eigenvalue",
    "theory": "the value that theory gives",
    "log_singular_value_lowest_nats": "log of the leading singular value of the Jacobian product, lowest of the seeds",
    "log_singular_value_median_nats": "log of that value, median of the seeds",
    "log_singular_value_highest_nats": "log of that value, highest of the seeds",
    "log_singular_value_of_all_median_nats": "median log of all singular values, median of the seeds",
    "log_gain_nats": "log of what is left of the gradient of the last state at that distance, over all of it",
    "log_largest_gain_nats": "log of what would be left of a gradient in the best direction",
    "log_random_gain_nats": "log of the root mean square of what would be left of a gradient in a random direction",
    "log_share_nats": "log of the share of the squared gradient in the leading directions",
    "leading_directions": "directions whose singular value is at least a tenth of the largest; mean over sequences",
    "lyapunov_mean_nats_per_step": "mean over seeds of the Lyapunov exponent of that number, largest first",
    "lyapunov_lowest_nats_per_step": "lowest over seeds of that Lyapunov exponent",
    "lyapunov_highest_nats_per_step": "highest over seeds of that Lyapunov exponent",
    "timescale_steps": "time steps in which the norm of the gradient changes e-fold",
    "timescale_error_steps": "standard error of the time scale, over seeds",
    "fit_first_distance_steps": "first distance of the fit",
    "fit_last_distance_steps": "last distance of the fit",
    "sensitivity_measured": "mean square of the derivative of the state by its weight, measured",
    "sensitivity_standard_error": "standard error of the measured sensitivity",
    "sensitivity_exact": "the sensitivity in closed form",
    # Gates
    "activation": "activation of a gate, middle of a bin",
    "activation_q10": "10 % quantile of a gate's activations at a time step",
    "activation_mean": "mean of a gate's activations at a time step",
    "activation_q90": "90 % quantile of a gate's activations at a time step",
    "density": "density of a gate's activations",
    "share_below": "share of a gate's activations below the middle of the bin",
    # Learning
    "loss": "mean training loss since the line before, with penalties; nats of a class, squared error of a number",
    "largest_gradient": "largest norm of a gradient since the line before, before any remedy",
    "eval_loss": "mean loss on held-out sequences; nats of a class, squared error of a number",
    "eval_error": "share of wrong answers on held-out sequences",
    "confirmed_loss": "mean loss on the sequences that a success is confirmed on",
    "confirmed_error": "share of wrong answers on the sequences that a success is confirmed on",
    "diverged": "1 where a loss or a gradient was not finite in that step, else 0",
    "flow_sequences": "sequences on which the gradient of the last answer was measured",
    "flow_not_finite": "of these, sequences whose gradient was not finite somewhere on its way",
    "flow_distance_steps": "greatest distance from the last answer that half of the sequences reach",
    "log_flow_median_nats": "median log norm of the last answer's gradient at that distance over that at 0",
    "loss_lowest_nats": "training loss per symbol, lowest of the seeds",
    "loss_mean_nats": "training loss per symbol, mean over seeds",
    "loss_highest_nats": "training loss per symbol, highest of the seeds",
    # How trainings ended
    "ended": "solved, not solved, diverged or failed",
    "solved_after_steps": "training steps until the task was solved; empty where it was not",
    "solved": "trainings that solved their task",
    "trainings": "trainings",
    "share_low": "lower end of the 95 % confidence interval of the share solved",
    "share_high": "upper end of the 95 % confidence interval of the share solved",
    # Comparisons of remedies
    "hidden_units": "units of the cell",
    "remedy_setting": "remedy with the strength that was chosen, or tried",
    "learning_rate": "of the optimiser",
    "purpose": "report, or tuning: the choice of a setting, on seeds that are not reported",
    "horizon_steps": "training steps at most",
    "chance_loss": "loss of the best guess that does not look at the inputs",
    "chance_error": "share of wrong answers of that guess",
    "log_reach_nats": "log norm of the last answer's gradient at the first step over that at its own step",
    "share_solved": "share of trainings that have solved their task by a training step (Kaplan-Meier)",
    "mean_time_steps": "mean steps to success, a training without it counting with all its steps",
    "mean_time_error_steps": "standard error of that mean",
    "difference_steps": "difference of mean steps to success, with the remedy less without, seed by seed",
    "difference_low_steps": "lower end of its 95 % confidence interval, by changes of sign; -inf for too few seeds",
    "difference_high_steps": "upper end of that interval",
    "eval_loss_median": "median over trainings of the last loss on held-out sequences",
    "eval_loss_low": "lower end of its 95 % confidence interval, by order statistics",
    "eval_loss_high": "upper end of that interval",
    "trainings_diverged": "trainings whose loss or gradient was not finite",
    "told": "yes where the p-value of the remedy, adjusted, is at most 0.05",
    "compared_with": "remedy that the difference is from; none for the cell as it is",
    "seeds": "seeds that both have",
    "p": "two-sided p-value by changes of sign",
    "logrank_p": "p-value of the log-rank test, stratified by task and length; not adjusted",
    "adjusted_p": "p-value by changes of sign after Holm's adjustment for all comparisons of the report",
    # Costs
    "parameters": "parameters of the cell",
    "forward_ms": "median time of a forward pass",
    "forward_low_ms": "lower end of the 95 % confidence interval of that median",
    "forward_high_ms": "upper end of the 95 % confidence interval of that median",
    "gradient_ms": "median time of a gradient with respect to the parameters",
    "gradient_low_ms": "lower end of the 95 % confidence interval of that median",
    "gradient_high_ms": "upper end of the 95 % confidence interval of that median",
    "rounds": "times that each of them ran",
    "load_processes": "processes that wanted to run on the machine, the study among them, mean over the minute before",
    "gradient_bytes": "memory of the compiled gradient besides its arguments and results",
    "time_per_step_ms": "time of a training step of one network",
}
"""What stands in a column, by its name."""

FILE = "columns.csv"
"""Where a folder says what its columns mean: a row for every column of every CSV."""

HEADER = ("file", "column", "meaning")
"""Of that file."""


def meanings(columns: list[str]) -> list[str]:
    """Returns what stands in columns.

    Raises:
      ValueError: a column has no meaning in `COLUMNS`.
    """
    unknown = [name for name in columns if name not in COLUMNS]
    if unknown:
        raise ValueError(f"say in {__name__}.COLUMNS what these columns mean: {', '.join(unknown)}.")
    return [COLUMNS[name] for name in columns]
