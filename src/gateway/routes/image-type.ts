/** The content type of a stored image. */
export const imageType = (format: string): string => (format === 'png' ? 'image/png' : 'image/svg+xml');
