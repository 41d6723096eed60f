"""The study's figures, each a function of its results."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.ticker import MaxNLocator

from experiments.common.plotting import (
    Drawing,
    color,
    dash,
    legend_below,
    new_figure,
    panel_letter,
    powers_of_ten,
    styled,
)
from experiments.gradient_flow.config import GradientFlow
from experiments.gradient_flow.measure import BINS, LARGE_STATE, LEADING
from experiments.gradient_flow.results import CellResults, band, relative
from recurrax.gradflow.timescale import Timescale

LN10 = math.log(10)
CAROUSEL = "theory: forget gates alone"


def snapshot_title(step: int) -> str:
    """Names a snapshot."""
    return "At initialisation" if step == 0 else f"After {step} training steps"


def timescale_text(fits: tuple[Timescale, Timescale | None]) -> str:
    """Says what `CellResults.timescales` holds, with errors, in a few characters."""
    first, late = fits
    if first.shape != "partly":
        return _timescale(first)
    text = f"{_timescale(first)} (k ≤ {first.last_distance:.0f})"
    if late is None:
        return text
    where = f"({late.first_distance:.0f} ≤ k ≤ {late.last_distance:.0f})"
    return f"{text}, {_timescale(late).removeprefix('τ = ')} {where}"


def _timescale(fit: Timescale) -> str:
    if not math.isfinite(fit.rate):
        return "no fit"
    if abs(fit.rate) <= 2 * fit.rate_error:
        return "flat within error"
    if abs(fit.rate) < 1e-5:
        return "flat to 10⁻⁵ per step"
    digits = 1 if fit.timescale_error < 10 else 0
    error = f" ± {max(fit.timescale_error, 0.1):.{digits}f}" if fit.timescale_error > 0 else ""
    sign = "τ =" if fit.rate < 0 else "grows, τ ="
    return f"{sign} {abs(fit.timescale):.{digits}f}{error}"


@styled
def gradient_norm(cells: list[CellResults], config: GradientFlow, source: str) -> Drawing:
    """Draws the norm of dL/ds_{T-k} against k, at the first and the last snapshot."""
    ends = cells[0].ends
    figure, axes = new_figure(1, len(ends), width=5.2 * len(ends), height=5.0, sharey=True)
    table: dict[str, list] = {c: [] for c in ("cell", "training_step", "distance", "q10", "median", "q90", "theory")}
    for panel, p in enumerate(ends):
        ax = axes[0, panel]
        for n, cell in enumerate(cells):
            logs = cell.by_distance("flow/joint", p)
            b, distance, fits = band(logs), np.arange(len(logs)), cell.timescales("flow/joint", p)
            ax.fill_between(distance, b.low / LN10, b.high / LN10, color=color(n), alpha=0.16, linewidth=0)
            ax.plot(
                distance,
                b.median / LN10,
                color=color(n),
                linestyle=dash(n),
                label=f"{cell.label}   {timescale_text(fits)}",
            )
            theory = np.full(len(logs), np.nan)
            if p == 0 and "theory/log_ratio" in cell.arrays:
                theory = b.median[0] + cell.arrays["theory/log_ratio"].mean(0)
                ax.plot(distance, theory / LN10, color=color(n), linewidth=1.0, linestyle=":")
            columns = (
                [cell.label] * len(logs),
                [cell.snapshots[p]] * len(logs),
                distance,
                b.low,
                b.median,
                b.high,
                theory,
            )
            for name, values in zip(table, columns, strict=True):
                table[name].extend(values)
        ax.set_title(snapshot_title(cells[0].snapshots[p]))
        ax.set_xlabel("distance k from the loss (steps)")
        handles, labels = ax.get_legend_handles_labels()
        if p == 0 and any("theory/log_ratio" in cell.arrays for cell in cells):
            handles += ax.plot([], [], color="#555555", linewidth=1.0, linestyle=":")
            labels.append("theory, see caption")
        ax.legend(handles, labels, loc="upper left", bbox_to_anchor=(0, -0.14), borderaxespad=0)
        ax.set_xlim(0, config.flow.length)
        powers_of_ten(ax.yaxis)
        panel_letter(ax, panel)
    axes[0, 0].set_ylabel("norm of ∂L/∂s$_{T-k}$")
    theory = " ".join(dict.fromkeys(str(c.arrays["theory/text"]) for c in cells if "theory/text" in c.arrays))
    caption = (
        f"Norm of the total gradient of the loss at step T with respect to the whole state k steps earlier. {source}. "
        f"H = {config.hidden_size}, T = {config.flow.length}; lines: median over {config.seeds} seeds x "
        f"{config.flow.batch} sequences, shaded: 10 % to 90 %. τ: steps in which the norm falls to 1/e, ± standard error over "
        f"seeds, fitted to the first stretch that is about exponential and, where the slope changes later, to the second "
        f"half as well. {theory}"
    )
    return Drawing("gradient_norm", "Gradient norm against distance", figure, table, caption)


@styled
def gradient_map(cells: list[CellResults], config: GradientFlow, source: str) -> Drawing:
    """Draws the median norm, relative to that at the loss, over training step and distance."""
    figure, axes = new_figure(1, len(cells), width=4.0 * len(cells), height=3.7, sharey=True)
    maps = []
    for cell in cells:
        medians = np.stack([band(cell.by_distance("flow/joint", p)).median for p in range(len(cell.snapshots))])
        maps.append(relative(medians) / LN10)
    # 0 is what k = 0 has against itself; it stands in where every norm is zero.
    finite = np.concatenate([np.zeros(1)] + [m[np.isfinite(m)] for m in maps])
    low, high = max(finite.min(), -12.0), min(finite.max(), 12.0)
    table: dict[str, list] = {"cell": [], "training_step": [], "distance": [], "log10_relative_norm": []}
    mesh = None
    for n, (cell, values) in enumerate(zip(cells, maps, strict=True)):
        ax = axes[0, n]
        rows, distance = np.arange(len(values) + 1) - 0.5, np.arange(values.shape[1] + 1) - 0.5
        mesh = ax.pcolormesh(distance, rows, values, cmap="viridis", vmin=low, vmax=high, rasterized=True)
        levels = [level for level in (-10, -8, -6, -4, -2, -1) if low < level < high]
        if len(values) > 1 and levels:
            lines = ax.contour(
                np.arange(values.shape[1]),
                np.arange(len(values)),
                values,
                levels,
                colors="white",
                linewidths=0.9,
                linestyles="solid",
            )
            ax.clabel(lines, fmt=lambda v: f"$10^{{{v:.0f}}}$", fontsize=8)
        ax.set_yticks(range(len(values)), [str(step) for step in cell.snapshots])
        ax.set_title(cell.label)
        ax.set_xlabel("distance k (steps)")
        ax.grid(False)
        panel_letter(ax, n)
        for p, row in enumerate(values):
            table["cell"].extend([cell.label] * len(row))
            table["training_step"].extend([cell.snapshots[p]] * len(row))
            table["distance"].extend(range(len(row)))
            table["log10_relative_norm"].extend(row)
    axes[0, 0].set_ylabel("training step (not to scale)")
    assert mesh is not None  # there is at least one cell
    bar = figure.colorbar(
        mesh, ax=axes, extend="both" if high < finite.max() else "min" if low > finite.min() else "neither"
    )
    powers_of_ten(bar.ax.yaxis)
    bar.set_label("norm relative to k = 0")
    caption = (
        "The same gradient norm, divided by its value at the loss, as training goes on: median over "
        f"{config.seeds} seeds x {config.flow.batch} sequences. {source}. H = {config.hidden_size}. White: lines of equal norm."
    )
    return Drawing("gradient_map", "Gradient norm over training step and distance", figure, table, caption)


@styled
def paths(cells: list[CellResults], config: GradientFlow, source: str) -> Drawing | None:
    """Draws the split of the gradient by the field of the state that it stays in; None where all have one field."""
    cells = [cell for cell in cells if len(cell.fields) > 1]
    if not cells:
        return None
    ends = cells[0].ends
    figure, axes = new_figure(len(cells), len(ends), width=5.2 * len(ends), height=4.0, sharey="row")
    table: dict[str, list] = {c: [] for c in ("cell", "training_step", "path", "distance", "q10", "median", "q90")}
    legend: dict[str, int] = {}
    for row, cell in enumerate(cells):
        for panel, p in enumerate(ends):
            ax = axes[row, panel]
            curves = {"whole gradient": "flow/joint"}
            curves |= {f"stays in {field}": f"flow/path/{field}" for field in cell.fields}
            curves |= {"changes between them": "flow/path_rest"}
            floor = band(cell.by_distance("flow/joint", p)).median
            for text, name in curves.items():
                known = legend.setdefault(text, len(legend))
                b, shade = band(cell.by_distance(name, p)), color((6, 1, 0, 2, 3, 4)[known % 6])
                distance = np.arange(len(b.median))
                ax.fill_between(distance, b.low / LN10, b.high / LN10, color=shade, alpha=0.14, linewidth=0)
                ax.plot(distance, b.median / LN10, color=shade, linestyle=dash(known), label=text)
                columns = (
                    [cell.label] * len(distance),
                    [cell.snapshots[p]] * len(distance),
                    [text] * len(distance),
                    distance,
                    b.low,
                    b.median,
                    b.high,
                )
                for column, values in zip(table, columns, strict=True):
                    table[column].extend(values)
            if p == 0 and "theory/log_carousel" in cell.arrays:
                c = band(cell.by_distance(f"flow/path/{cell.fields[-1]}", p)).median
                carousel = cell.arrays["theory/log_carousel"].mean(0)
                theory = (c[1] + carousel[1:] - carousel[1]) / LN10
                ax.plot(np.arange(1, len(c)), theory, color="black", linewidth=1.0, linestyle=":", label=CAROUSEL)
            ax.set_title(
                f"{cell.label}: {snapshot_title(cell.snapshots[p])[0].lower() + snapshot_title(cell.snapshots[p])[1:]}"
            )
            ax.set_xlabel("distance k from the loss (steps)")
            ax.set_xlim(0, config.flow.length)
            ax.set_ylim(bottom=max(-30.0, floor[np.isfinite(floor)].min(initial=0.0) / LN10 - 8), top=None)
            powers_of_ten(ax.yaxis)
            panel_letter(ax, row * len(ends) + panel)
        axes[row, 0].set_ylabel("norm of the part of ∂L/∂s$_{T-k}$")
    lines = {str(line.get_label()): line for ax in axes[:, 0] for line in ax.get_lines()}
    order = [*legend, *([CAROUSEL] if CAROUSEL in lines else [])]
    legend_below(figure, [lines[text] for text in order], order)
    dotted = "Thin dots: product of the forget gates at their initial bias. " if CAROUSEL in lines else ""
    caption = (
        "The gradient split by its path: the part that, from its first step on, stayed in one field of the state (c is the "
        "constant error carousel, h the way through the recurrent weights), and the part that changed between fields. The "
        "parts, not their norms, add up to the whole; where they cancel, one may exceed it. "
        f"{dotted}{source}. H = {config.hidden_size}; median and 10 % to 90 % over {config.seeds} seeds x {config.flow.batch} "
        "sequences. The lower edge is cut."
    )
    return Drawing("paths", "Paths of the gradient through the state", figure, table, caption)


@styled
def jacobian(cells: list[CellResults], config: GradientFlow, source: str) -> Drawing:
    """Draws singular values of the Jacobian product against distance."""
    ends = cells[0].ends
    figure, axes = new_figure(1, len(ends), width=5.2 * len(ends), height=4.3, sharey=True)
    table: dict[str, list] = {
        c: [] for c in ("cell", "training_step", "distance", "q10", "median", "q90", "median_of_all")
    }
    lowest = 0.0
    for panel, p in enumerate(ends):
        ax = axes[0, panel]
        for n, cell in enumerate(cells):
            if "jacobian/largest" not in cell.arrays:
                continue
            largest, middle = (band(cell.by_distance(f"jacobian/{name}", panel)) for name in ("largest", "median"))
            lowest = largest.low[np.isfinite(largest.low)].min(initial=lowest)
            distance = np.arange(len(largest.median))
            ax.fill_between(distance, largest.low / LN10, largest.high / LN10, color=color(n), alpha=0.16, linewidth=0)
            ax.plot(distance, largest.median / LN10, color=color(n), linestyle=dash(n), label=cell.label)
            ax.plot(distance, middle.median / LN10, color=color(n), linewidth=0.9, linestyle=dash(n), alpha=0.7)
            columns = (
                [cell.label] * len(distance),
                [cell.snapshots[p]] * len(distance),
                distance,
                largest.low,
                largest.median,
                largest.high,
                middle.median,
            )
            for column, values in zip(table, columns, strict=True):
                table[column].extend(values)
        ax.set_title(snapshot_title(cells[0].snapshots[p]))
        ax.set_xlabel("distance k (steps)")
        ax.set_xlim(0, config.flow.length)
        powers_of_ten(ax.yaxis)
        panel_letter(ax, panel)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    handles += axes[0, 0].plot([], [], color="#555555", linewidth=1.8) + axes[0, 0].plot(
        [], [], color="#555555", linewidth=0.9
    )
    legend_below(figure, handles, [*labels, "largest", "median of all"])
    # The median may fall three times as far in its logarithm, and would leave no room for what the figure is about.
    axes[0, 0].set_ylim(bottom=1.25 * lowest / LN10 - 1)
    axes[0, 0].set_ylabel("singular value of ∂s$_T$/∂s$_{T-k}$")
    caption = (
        "Thick: leading singular value of the Jacobian product, the most that any small difference in the state can grow "
        f"over k steps; thin: the median of all singular values. {source}. H = {config.hidden_size}; median and 10 % to "
        f"90 % (of the leading one) over {config.seeds} seeds x {config.flow.jacobian_batch} sequences. The lower edge is cut."
    )
    left_out = [cell.label for cell in cells if "jacobian/largest" not in cell.arrays]
    if left_out:
        caption += f" Not measured, since their states have more than {LARGE_STATE} numbers: {', '.join(left_out)}."
    return Drawing("jacobian", "Singular values of the Jacobian product", figure, table, caption)


@styled
def lyapunov(cells: list[CellResults], config: GradientFlow, source: str) -> Drawing:
    """Draws the Lyapunov spectra of the joint state."""
    ends = cells[0].ends
    figure, axes = new_figure(1, len(ends), width=5.2 * len(ends), height=4.0, sharey=True)
    table: dict[str, list] = {c: [] for c in ("cell", "training_step", "index", "mean", "lowest_seed", "highest_seed")}
    for panel, p in enumerate(ends):
        ax = axes[0, panel]
        ax.axhline(0, color="#555555", linewidth=0.8)
        for n, cell in enumerate(cells):
            spectrum = cell.arrays["lyapunov"][panel]
            mean, index = spectrum.mean(0), np.arange(1, spectrum.shape[1] + 1)
            size = int(cell.arrays["state_size"])
            place = index / size
            ax.fill_between(place, spectrum.min(0), spectrum.max(0), color=color(n), alpha=0.16, linewidth=0)
            ax.plot(
                place,
                mean,
                color=color(n),
                linestyle=dash(n),
                label=f"{cell.label}   λ₁ = {mean[0]:+.3f}, N = {size}",
            )
            columns = (
                [cell.label] * len(index),
                [cell.snapshots[p]] * len(index),
                index,
                mean,
                spectrum.min(0),
                spectrum.max(0),
            )
            for column, values in zip(table, columns, strict=True):
                table[column].extend(values)
        ax.set_title(snapshot_title(cells[0].snapshots[p]))
        ax.set_xlabel("index i / N")
        ax.set_xlim(0, 1)
        ax.legend(loc="lower left")
        panel_letter(ax, panel)
    # Dead units have exponents of minus infinity.
    spectra = [c.arrays["lyapunov"][np.isfinite(c.arrays["lyapunov"])] for c in cells]
    tops = [s.max(initial=0.0) for s in spectra]
    bottoms = [np.quantile(s, 0.08) for s in spectra if s.size] or [-1.0]
    axes[0, 0].set_ylim(min(bottoms) - 0.3, max(tops) + 0.15)
    axes[0, 0].set_ylabel("Lyapunov exponent (nats per step)")
    caption = (
        "All Lyapunov exponents of the joint state (for an LSTM h and c together), largest first: the mean rate at which "
        f"small differences grow (above 0) or fade. {source}. Along {config.flow.lyapunov_length} steps, the first tenth not "
        f"counted; H = {config.hidden_size}; line: mean over {config.seeds} seeds, shaded: from the lowest to the highest "
        "seed. The lower edge is cut."
    )
    if any(cell.arrays["state_size"] > LARGE_STATE for cell in cells):
        caption += f" Of states with N > {LARGE_STATE} the {LEADING} leading exponents are measured."
    return Drawing("lyapunov", "Lyapunov spectra", figure, table, caption)


@styled
def gates(cells: list[CellResults], config: GradientFlow, source: str) -> Drawing | None:
    """Draws histograms of the gates' activations; None where no cell has gates."""
    cells = [cell for cell in cells if cell.group("gates/histogram")]
    if not cells:
        return None
    columns = max(len(cell.group("gates/histogram")) for cell in cells)
    figure, axes = new_figure(len(cells), columns, width=2.6 * columns, height=2.5)
    table: dict[str, list] = {c: [] for c in ("cell", "training_step", "gate", "activation", "density")}
    for row, cell in enumerate(cells):
        names = cell.group("gates/histogram")
        for column in range(columns):
            ax = axes[row, column]
            if column >= len(names):
                ax.set_axis_off()
                continue
            name = names[column]
            low, high = cell.arrays[f"gates/range/{name}"]
            edges = np.linspace(low, high, BINS + 1)
            for n, p in enumerate(cell.ends):
                density = cell.arrays[f"gates/histogram/{name}"][n].mean(0) * BINS / (high - low)
                style = (
                    {"color": "#999999", "fill": True, "alpha": 0.5}
                    if n == 0
                    else {"color": color(1), "linewidth": 1.6}
                )
                ax.stairs(density, edges, **style, label=snapshot_title(cell.snapshots[p]))
                centres = (edges[1:] + edges[:-1]) / 2
                for column_name, values in zip(
                    table,
                    ([cell.label] * BINS, [cell.snapshots[p]] * BINS, [name] * BINS, centres, density),
                    strict=True,
                ):
                    table[column_name].extend(values)
            ax.set_title(f"{cell.label} gate {name}")
            ax.set_xlim(low, high)
            ax.set_ylim(bottom=0)
            ax.set_xlabel("activation")
        axes[row, 0].set_ylabel("density")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)
    caption = (
        "How open the gates are: densities over all units, steps, sequences and seeds. i, r: input and reset gate, f: "
        "forget gate, z: update gate (h = (1 - z) h + z n), o: output gate, g, n: candidate. "
        f"{source}. H = {config.hidden_size}, {config.seeds} seeds x {config.flow.batch} sequences x {config.flow.length} steps."
    )
    return Drawing("gates", "Gate activations", figure, table, caption)


@styled
def learning(cells: list[CellResults], config: GradientFlow, source: str) -> Drawing | None:
    """Draws the learning curves that belong to the snapshots; None without training."""
    if config.train.snapshots[-1] == 0 or "train_loss" not in cells[0].arrays:
        return None
    figure, axes = new_figure(1, 1, width=6.4, height=3.8)
    ax = axes[0, 0]
    table: dict[str, list] = {c: [] for c in ("cell", "training_step", "lowest_seed", "mean", "highest_seed")}
    for n, cell in enumerate(cells):
        bits = cell.arrays["train_loss"] / math.log(2)
        steps, mean = np.arange(1, len(bits) + 1), bits.mean(1)
        ax.fill_between(steps, bits.min(1), bits.max(1), color=color(n), alpha=0.16, linewidth=0)
        held_out = cell.arrays["held_out_loss"] / math.log(2)
        ax.plot(
            steps,
            mean,
            color=color(n),
            linestyle=dash(n),
            linewidth=1.3,
            label=f"{cell.label}   held out at the end {held_out[-1].mean():.2f}",
        )
        ax.plot(cell.snapshots[1:], held_out[1:].mean(1), "o", color=color(n), markersize=4.5)
        for column, values in zip(
            table, ([cell.label] * len(steps), steps, bits.min(1), mean, bits.max(1)), strict=True
        ):
            table[column].extend(values)
    ax.set_xlabel("training step")
    ax.set_ylabel("loss (bits per byte)")
    ax.legend()
    caption = (
        f"Training loss: mean over {config.seeds} seeds, shaded from the lowest to the highest; dots: held-out text, the "
        f"last tenth, at the snapshots. {source}. H = {config.hidden_size}; batches of {config.train.batch} x {config.train.length} bytes, Adam "
        f"{config.train.learning_rate:g}, gradient norm clipped at {config.train.clip_norm:g}."
    )
    return Drawing("learning", "What the cells learned meanwhile", figure, table, caption)


@styled
def cost(cells: list[CellResults], costs: dict[str, np.ndarray], config: GradientFlow, shape: Sequence[int]) -> Drawing:
    """Draws what each cell costs at the same width."""
    quantities = {
        "parameters": ("parameters of the cell", 1.0, "{:,.0f}"),
        "forward_ms": ("forward (ms)", 1.0, "{:.2f}"),
        "gradient_ms": ("gradient (ms)", 1.0, "{:.2f}"),
        "gradient_bytes": ("memory of the gradient (MB)", 1e-6, "{:.2g}"),
    }
    figure, axes = new_figure(
        1, len(quantities), width=3.0 * len(quantities), height=1.0 + 0.42 * len(cells), sharey=True
    )
    place = np.arange(len(cells))[::-1]
    for ax, (name, (text, unit, form)) in zip(axes[0], quantities.items(), strict=True):
        values = costs[name] * unit
        bars = ax.barh(place, values, color=[color(n) for n in range(len(cells))], height=0.62)
        ax.bar_label(bars, [form.format(v) for v in values], padding=3, fontsize=9)
        ax.set_title(text)
        ax.set_xlim(0, 1.32 * max(values.max(), 1e-9))
        ax.set_yticks(place, [cell.label for cell in cells])
        ax.grid(axis="y", visible=False)
        ax.xaxis.set_major_locator(MaxNLocator(4))
    batch, length, features = shape
    caption = (
        f"Cost of the bare cell at H = {config.hidden_size} and D = {features} inputs: number of parameters; median time of a "
        f"forward pass and of a gradient with respect to the parameters (float32, B = {batch}, T = {length}, the cells "
        "timed in turn on this machine); memory that the compiled gradient needs besides its arguments and results."
    )
    table = {"cell": [cell.label for cell in cells], **{name: list(costs[name]) for name in quantities}}
    return Drawing("cost", "What each cell costs", figure, table, caption)
