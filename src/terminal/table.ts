import { isatty } from 'node:tty';
import { styleText } from 'node:util';

import stringWidth from 'string-width';

import { sanitize } from './sanitize.ts';

export type CellColor = 'green' | 'yellow' | 'red' | 'dim';

/** One column of a table. */
export interface Column<Row> {
  /** Printed in upper case by convention. */
  readonly header: string;
  /** The text of a cell. It may come from anywhere: it is made harmless here. */
  readonly value: (row: Row) => string;
  /** Default: left. Numbers go to the right. */
  readonly align?: 'left' | 'right';
  /** Its cells may be cut where the terminal is too narrow. */
  readonly flexible?: boolean;
  /** The least width that its cells are cut to. Default: that of the header. */
  readonly least?: number;
  readonly color?: (row: Row) => CellColor | undefined;
}

/** How a table is drawn. */
export interface TableOptions {
  /** Columns of the terminal; `undefined` where there is none, or it does not say. */
  readonly width: number | undefined;
  readonly color: boolean;
  /** Whether flexible columns are cut to fit the width. */
  readonly truncate: boolean;
}

/** What stands between two columns, as in `docker ps`. */
const GAP = '   ';
const ELLIPSIS = '…';

/** More of a text than this many units of it for each column it may take is not looked at: measuring is slow. */
const UNITS_PER_COLUMN = 4;

/**
 * Draws a table as `docker ps` does: headers, one line a row, no borders, no spaces at the end of a line.
 * Columns are aligned by the width that characters have on a terminal, wide and combining ones included.
 *
 * @returns the table with its final newline.
 */
export function renderTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], options: TableOptions): string {
  const available = options.truncate ? options.width || undefined : undefined;
  const cells = columns.map(({ header, value, align, flexible }, index) => {
    // Nothing stands to the right of the last column: if it need not fit either, its cells are not measured.
    const unbounded = available === undefined && index === columns.length - 1 && align !== 'right';
    const longest = available !== undefined && flexible === true ? available * UNITS_PER_COLUMN : undefined;
    return [header, ...rows.map((row) => sanitize(value(row)))].map((text) =>
      unbounded ? { text, width: 0 } : measured(shortened(text, longest)),
    );
  });
  const widths = cells.map((column) => column.reduce((widest, { width }) => Math.max(widest, width), 0));
  if (available !== undefined) fit(widths, columns, available);
  let text = '';
  for (let line = 0; line <= rows.length; line++) {
    const row = rows[line - 1];
    const parts = columns.map(({ align, color }, index) => {
      const width = widths[index] ?? 0;
      const cell = cut(cells[index]?.[line] ?? measured(''), width);
      const padding = ' '.repeat(width - cell.width);
      const chosen = options.color && row !== undefined && cell.text !== '' ? color?.(row) : undefined;
      const shown = chosen === undefined ? cell.text : styleText(chosen, cell.text, { validateStream: false });
      return align === 'right' ? padding + shown : shown + padding;
    });
    text += `${parts.join(GAP).trimEnd()}\n`;
  }
  return text;
}

/**
 * How a table is to be drawn on a stream. Only a terminal has a width to fit; Node's own rules decide about color
 * (FORCE_COLOR, NO_COLOR, NODE_DISABLE_COLORS, TERM=dumb, not a terminal).
 */
export function tableOptions(stream: NodeJS.WriteStream & { readonly fd: number }): TableOptions {
  const atTerminal = isatty(stream.fd);
  return {
    // A terminal that was never given a size says 0.
    width: atTerminal && stream.columns > 0 ? stream.columns : undefined,
    color: hasColor(stream),
    truncate: atTerminal,
  };
}

/** The values of FORCE_COLOR that force it; any other forbids it (tty.WriteStream.getColorDepth() of Node's documentation). */
const FORCING = new Set(['', '1', 'true', '2', '3']);

function hasColor(stream: NodeJS.WriteStream): boolean {
  // Asked with FORCE_COLOR, Node prints a warning where NO_COLOR is set as well.
  const { FORCE_COLOR: forced } = process.env;
  return forced === undefined ? styleText('red', 'x', { stream }) !== 'x' : FORCING.has(forced);
}

interface Cell {
  readonly text: string;
  readonly width: number;
}

function measured(text: string): Cell {
  return { text, width: stringWidth(text) };
}

/** The beginning of a text that is certainly too long; a pair of surrogates is not cut in two. */
function shortened(text: string, longest: number | undefined): string {
  if (longest === undefined || text.length <= longest) return text;
  return text.slice(0, longest).replace(/[\ud800-\udbff]$/, '') + ELLIPSIS;
}

/** Narrows the widest flexible column, again and again, until the table fits or nothing can be narrowed any more. */
function fit(widths: number[], columns: readonly Column<never>[], available: number): void {
  let excess = widths.reduce((sum, width) => sum + width, GAP.length * (columns.length - 1)) - available;
  while (excess > 0) {
    const candidates = columns
      .map(({ flexible, header, least = 0 }, index) => ({
        index,
        width: widths[index] ?? 0,
        least: Math.max(least, stringWidth(header)),
        flexible,
      }))
      .filter(({ flexible, width, least }) => flexible === true && width > least)
      .toSorted((a, b) => b.width - a.width);
    const [widest, next] = candidates;
    if (widest === undefined) return;
    const step = Math.min(excess, widest.width - widest.least, Math.max(1, widest.width - (next?.width ?? 0)));
    widths[widest.index] = widest.width - step;
    excess -= step;
  }
}

let segmenter: Intl.Segmenter | undefined;

/** A cell of at most this width; what was cut ends with an ellipsis. */
function cut(cell: Cell, width: number): Cell {
  if (cell.width <= width) return cell;
  let text = '';
  let used = 0;
  for (const { segment } of (segmenter ??= new Intl.Segmenter()).segment(cell.text)) {
    const more = stringWidth(segment);
    if (used + more > width - 1) break;
    text += segment;
    used += more;
  }
  return { text: text + ELLIPSIS, width: used + 1 };
}
