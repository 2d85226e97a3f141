import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ReadResult, readBarcodes } from 'zxing-wasm/reader';
import { loadZxing } from './decode.ts';

/** What zxing-cpp makes of an image file, whatever it holds; the best find. */
export async function readWithZxingCpp(file: Buffer): Promise<ReadResult | undefined> {
  await loadZxing();
  const found = await readBarcodes(file, { tryHarder: true, eanAddOnSymbol: 'Read', textMode: 'HRI' });
  return found.toSorted((a, b) => b.text.length - a.text.length).find(({ isValid }) => isValid);
}

/** What zbarimg makes of a PNG: `type:text` of each symbol, with EAN-2 and EAN-5 beside it. */
export function readWithZbar(png: Buffer): string[] {
  return inFolder((folder) => {
    const path = join(folder, 'image.png');
    writeFileSync(path, png);
    const args = [
      '--nodbus',
      '--quiet',
      '-Sisbn13.disable',
      '-Sean2.enable',
      '-Sean5.enable',
      '-Scomposite.enable',
      path,
    ];
    const { stdout } = spawnSync('zbarimg', args, { encoding: 'utf8' });
    return stdout
      .trim()
      .split('\n')
      .filter((line) => line !== '');
  });
}

/** A page of PDF or EPS as a PNG, drawn by Ghostscript at 300 dots an inch. */
export function rasterised(page: Buffer): Buffer {
  return inFolder((folder) => {
    const [path, image] = [join(folder, 'page'), join(folder, 'page.png')];
    writeFileSync(path, page);
    const quiet = ['-q', '-dSAFER', '-dBATCH', '-dNOPAUSE', '-dEPSCrop', '-r300', '-sDEVICE=pnggray'];
    execFileSync('gs', [...quiet, `-sOutputFile=${image}`, path]);
    return readFileSync(image);
  });
}

function inFolder<Result>(work: (folder: string) => Result): Result {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-label-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
