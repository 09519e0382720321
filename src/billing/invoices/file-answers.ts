// How the OpenAPI document describes answers that are files.

const text = { type: 'string' } as const;

export const pdfAnswer = {
  description: 'A PDF, A4.',
  content: { 'application/pdf': { schema: { ...text, format: 'binary' } } },
};
export const csvAnswer = { description: 'CSV (RFC 4180) in UTF-8, with a head.', content: { 'text/csv': { schema: text } } };
