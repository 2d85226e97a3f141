/** Warnings of a request that is allowed, and probably not meant as it is. */
export function warningsOf({ symbology, text }: { readonly symbology: string; readonly text: string }): string[] {
  if (!Object.hasOwn(gs1Forms, symbology) || !/^\((?:0[0-4]|[1-9]\d{1,3})\)\w/.test(text)) return [];
  const other = gs1Forms[symbology];
  return [
    `The text looks like GS1 element strings, but ${symbology} encodes its brackets as they are and marks no identifiers: ${other} is the GS1 form`,
  ];
}

const gs1Forms: Readonly<Record<string, string>> = {
  code128: 'gs1128',
  datamatrix: 'gs1datamatrix',
  qrcode: 'gs1qrcode',
};
