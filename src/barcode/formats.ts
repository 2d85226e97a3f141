export const imageFormats = ['svg', 'png', 'pdf', 'eps'] as const;
export type ImageFormat = (typeof imageFormats)[number];

const contentTypes: Readonly<Record<ImageFormat, string>> = {
  svg: 'image/svg+xml',
  png: 'image/png',
  pdf: 'application/pdf',
  eps: 'application/postscript',
};

/** The content type of an image. `format`: as in a record. */
export function imageType(format: string): string {
  return Object.hasOwn(contentTypes, format) ? contentTypes[format as ImageFormat] : 'application/octet-stream';
}
