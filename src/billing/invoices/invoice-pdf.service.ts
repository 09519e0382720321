// Draws an invoice: A4, as many pages as it takes, the same bytes for the same invoice.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { InvoiceDetail } from '@berth/contract';
import PDFDocument from 'pdfkit';
import { type Sheet, type SheetRow, sheetOf } from './invoice-sheet.js';
import { runsOf, scripts } from './pdf-fonts.js';
import { openTypeOf } from './woff.js';

const page = { width: 595.28, height: 841.89, left: 56, right: 56, top: 56, bottom: 76 } as const;
const width = page.width - page.left - page.right;
const bottom = page.height - page.bottom;
const ink = '#1f2933';
const faint = '#6b7785';
const line = '#d5dae0';
const shade = '#f3f5f8';
const accent = '#1b4b82';

/** Of the table: where each column begins, how wide it is, and to which side its text goes. */
const columns = [
  { title: 'Description', x: 0, width: 204, align: 'left' },
  { title: 'Quantity', x: 204, width: 72, align: 'right' },
  { title: 'Unit', x: 284, width: 60, align: 'left' },
  { title: 'Unit price', x: 340, width: 64, align: 'right' },
  { title: 'Amount', x: 404, width: width - 404 - 6, align: 'right' },
] as const;

export async function renderInvoice(detail: InvoiceDetail): Promise<Buffer> {
  const pen = new Pen(detail);
  pen.draw(sheetOf(detail));
  return pen.finish();
}

type Weight = 'regular' | 'bold';

interface Style {
  readonly size?: number;
  readonly weight?: Weight;
  readonly color?: string;
  readonly align?: 'left' | 'right';
}

class Pen {
  private readonly document: PDFKit.PDFDocument;
  private readonly chunks: Buffer[] = [];
  private y: number = page.top;

  constructor(private readonly detail: InvoiceDetail) {
    const at = new Date(detail.closedAt ?? detail.createdAt);
    const name = detail.number ?? `Draft of ${detail.period}`;
    const info = { Title: name, Author: detail.seller?.name ?? 'Berth', CreationDate: at, ModDate: at };
    this.document = new PDFDocument({ size: [page.width, page.height], margin: 0, bufferPages: true, info, lang: 'en' });
    for (const script of scripts) {
      this.document.registerFont(`regular ${script}`, fontOf(script, 400));
      this.document.registerFont(`bold ${script}`, fontOf(script, 700));
    }
    this.document.on('data', (chunk: Buffer) => this.chunks.push(chunk));
  }

  draw(sheet: Sheet): void {
    this.head(sheet);
    this.table(sheet.rows);
    this.totals(sheet.totals);
    this.closing(sheet);
    this.everyPage(sheet);
  }

  finish(): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.document.on('end', () => resolve(Buffer.concat(this.chunks)));
      this.document.on('error', reject);
      this.document.end();
    });
  }

  private head({ title, from, to, facts }: Sheet): void {
    this.text(title, page.left, page.top - 6, width, { size: 24, weight: 'bold', color: accent });
    const [name = '', ...address] = from;
    this.text(name, page.left, page.top, width, { size: 11, weight: 'bold', align: 'right' });
    let y = page.top + 17;
    for (const one of address) y = this.lineOf(one, page.left, y, width, { size: 8.5, color: faint, align: 'right' });
    const top = Math.max(y, page.top + 62) + 22;
    this.text('BILL TO', page.left, top, 240, { size: 7.5, weight: 'bold', color: faint });
    let left = top + 14;
    for (const [index, one] of to.entries())
      left = this.lineOf(one, page.left, left, 240, { size: 10, weight: index === 0 ? 'bold' : 'regular' });
    let right = top;
    for (const [key, value] of facts) {
      this.text(key, page.left + 260, right, 100, { size: 9, color: faint });
      right = this.lineOf(value, page.left + 360, right, width - 360, { size: 9, weight: 'bold', align: 'right' });
      right += 3;
    }
    this.y = Math.max(left, right) + 24;
  }

  /** The head of the table stands again on each page that it goes on to; a group's name is never left alone at a page's foot. */
  private table(rows: readonly SheetRow[]): void {
    this.tableHead();
    for (const [index, row] of rows.entries()) {
      const height = this.heightOf(row);
      const next = rows[index + 1];
      const together = row.kind === 'group' && next ? height + this.heightOf(next) : height;
      if (this.y + together > bottom) {
        this.newPage();
        this.tableHead();
      }
      this.row(row, height);
    }
    this.rule(this.y + 2);
    this.y += 12;
  }

  private tableHead(): void {
    this.document.rect(page.left, this.y, width, 20).fill(accent);
    for (const column of columns)
      this.text(column.title, page.left + column.x + (column.x === 0 ? 6 : 0), this.y + 5, column.width, {
        ...{ size: 8, weight: 'bold', color: '#ffffff', align: column.align },
      });
    this.y += 22;
  }

  private heightOf({ kind, cells }: SheetRow): number {
    if (kind === 'group') return 20;
    const room = kind === 'note' ? width - 12 : columns[0].width - 22;
    return Math.max(14, this.wrap(cells[0] ?? '', room, 8.5, 'regular').length * 11 + 3);
  }

  private row({ kind, cells }: SheetRow, height: number): void {
    if (kind === 'group') this.document.rect(page.left, this.y + 3, width, 16).fill(shade);
    const y = this.y + (kind === 'group' ? 5.5 : 2);
    const style: Style = kind === 'group' ? { size: 8.5, weight: 'bold' } : { size: 8.5, color: kind === 'note' ? faint : ink };
    if (kind === 'line') {
      let at = y;
      for (const part of this.wrap(cells[0] ?? '', columns[0].width - 22, 8.5, 'regular'))
        at = this.lineOf(part, page.left + 16, at, columns[0].width - 16, style);
    } else this.text(cells[0] ?? '', page.left + 6, y, kind === 'note' ? width - 12 : 390, style);
    for (const [index, column] of columns.entries())
      if (index > 0) this.text(cells[index] ?? '', page.left + column.x, y, column.width, { ...style, align: column.align });
    this.y += height;
  }

  private totals(totals: Sheet['totals']): void {
    if (this.y + totals.length * 18 + 12 > bottom) this.newPage();
    const left = page.left + 270;
    const room = width - 270 - 6;
    for (const [index, [name, value]] of totals.entries()) {
      const last = index === totals.length - 1;
      if (last) {
        this.document.rect(left - 6, this.y, width - 264, 24).fill(shade);
        this.y += 5;
      }
      const style: Style = last ? { size: 12, weight: 'bold', color: accent } : { size: 9.5 };
      this.text(name, left, this.y, room, style);
      this.text(value, left, this.y, room, { ...style, align: 'right' });
      this.y += last ? 26 : 17;
    }
    this.y += 14;
  }

  private closing({ payment, notes }: Sheet): void {
    const height = payment.length * 13 + notes.length * 11 + 30;
    if (this.y + height > bottom) this.newPage();
    for (const [index, one] of payment.entries())
      this.y = this.lineOf(one, page.left, this.y, width, { size: 9.5, weight: index === 0 ? 'bold' : 'regular' });
    this.y += payment.length > 0 ? 12 : 0;
    for (const one of notes)
      for (const part of this.wrap(one, width, 8, 'regular'))
        this.y = this.lineOf(part, page.left, this.y, width, { size: 8, color: faint });
  }

  /** What needs the number of pages, and what lies over or under the rest. */
  private everyPage({ footer, mark, title }: Sheet): void {
    const { start, count } = this.document.bufferedPageRange();
    for (let index = start; index < start + count; index++) {
      this.document.switchToPage(index);
      if (mark) this.mark(mark);
      const y = page.height - page.bottom + 26;
      this.rule(y - 8);
      const foot = { size: 7.5, color: faint } as const;
      let at = y;
      for (const part of this.wrap(footer, width - 150, 7.5, 'regular')) at = this.lineOf(part, page.left, at, width - 150, foot);
      const name = [title, this.detail.number ?? ''].filter((part) => part !== '').join(' ');
      this.text(`${name} · Page ${index - start + 1} of ${count}`, page.left, y, width, { ...foot, align: 'right' });
    }
  }

  private mark(text: string): void {
    this.document.save().rotate(-35, { origin: [page.width / 2, page.height / 2] });
    this.document.fillOpacity(0.07);
    this.text(text, 0, page.height / 2 - 90, page.width, { size: 150, weight: 'bold', color: ink, align: 'left' }, true);
    this.document.fillOpacity(1).restore();
  }

  private newPage(): void {
    this.document.addPage();
    this.y = page.top;
  }

  private rule(y: number): void {
    this.document
      .moveTo(page.left, y)
      .lineTo(page.left + width, y)
      .lineWidth(0.6)
      .stroke(line);
  }

  /** @returns where the next line goes. */
  private lineOf(text: string, x: number, y: number, room: number, style: Style): number {
    this.text(text, x, y, room, style);
    return y + (style.size ?? 9) * 1.4;
  }

  /** One line: what has no room is cut, and ends in an ellipsis. */
  private text(text: string, x: number, y: number, room: number, style: Style, centred = false): void {
    const { size = 9, weight = 'regular', color = ink, align = 'left' } = style;
    const shown = this.fit(text, room, size, weight);
    const length = this.lengthOf(shown, size, weight);
    let at = centred ? x + (room - length) / 2 : align === 'right' ? x + room - length : x;
    for (const run of runsOf(shown)) {
      this.document.font(`${weight} ${run.script}`).fontSize(size).fillColor(color);
      this.document.text(run.text, at, y, { lineBreak: false });
      at += this.document.widthOfString(run.text);
    }
  }

  private fit(text: string, room: number, size: number, weight: Weight): string {
    if (this.lengthOf(text, size, weight) <= room) return text;
    let shown = [...text];
    while (shown.length > 1 && this.lengthOf(`${shown.join('')}…`, size, weight) > room) shown = shown.slice(0, -1);
    return `${shown.join('')}…`;
  }

  /** Breaks at spaces. */
  private wrap(text: string, room: number, size: number, weight: Weight): string[] {
    const lines: string[] = [];
    let current = '';
    for (const word of text.split(' ')) {
      const longer = current === '' ? word : `${current} ${word}`;
      if (current !== '' && this.lengthOf(longer, size, weight) > room) {
        lines.push(current);
        current = word;
      } else current = longer;
    }
    return current === '' ? lines : [...lines, current];
  }

  private lengthOf(text: string, size: number, weight: Weight): number {
    return runsOf(text).reduce((sum, run) => sum + this.document.font(`${weight} ${run.script}`).fontSize(size).widthOfString(run.text), 0);
  }
}

/** Read once: a process draws many invoices, and the fonts are a few hundred kilobytes. */
const fonts = new Map<string, Buffer>();

function fontOf(script: string, weight: number): Buffer {
  const name = `noto-sans-${script}-${weight}-normal.woff`;
  const known = fonts.get(name);
  if (known) return known;
  const directory = dirname(createRequire(import.meta.url).resolve('@fontsource/noto-sans/package.json'));
  const font = openTypeOf(readFileSync(join(directory, 'files', name)));
  fonts.set(name, font);
  return font;
}
