/**
 * The format of a snapshot, in a file and on its way to another server or a backup: a magic number, the store's image,
 * and a CRC-32 of both (little-endian).
 */

import { crc32 } from 'node:zlib';

const MAGIC = Buffer.from('TRSNAP01', 'latin1');
const CRC_BYTES = 4;

/** The CRC-32 of anything followed by its own CRC-32: a property of the polynomial. */
const CRC_RESIDUE = 0x2144df1c;

/** The bytes are no whole snapshot: something is missing, or was changed. */
export class SnapshotError extends Error {
  readonly code = 'BAD_SNAPSHOT';

  constructor(reason: string) {
    super(`this is no snapshot: ${reason}`);
    this.name = 'SnapshotError';
  }
}

/** Where the image comes from, slice by slice: see StoreImage. */
export interface ImageSource {
  next(byteCount: number): Uint8Array<ArrayBuffer> | undefined;
  close(): void;
}

/** Makes what stands before and after an image, whose bytes it is shown. */
export class SnapshotSums {
  #crc: number;

  /** @param crc of what came before, of a snapshot that is gone on with */
  constructor(crc = 0) {
    this.#crc = crc;
  }

  /** Of all so far. */
  get crc(): number {
    return this.#crc;
  }

  /** Comes first. */
  header(): Uint8Array<ArrayBuffer> {
    return this.image(Uint8Array.from(MAGIC));
  }

  /** Counts the next bytes of the image in, and returns them. */
  image<Bytes extends Uint8Array>(piece: Bytes): Bytes {
    this.#crc = crc32(piece, this.#crc);
    return piece;
  }

  /** Comes last. */
  trailer(): Uint8Array<ArrayBuffer> {
    const trailer = Buffer.alloc(CRC_BYTES);
    trailer.writeUInt32LE(this.#crc);
    return Uint8Array.from(trailer);
  }
}

/** Makes a snapshot of an image, slice by slice. */
export class SnapshotSource {
  readonly #image: ImageSource;
  readonly #sums = new SnapshotSums();
  #state: 'header' | 'image' | 'ended' = 'header';

  constructor(image: ImageSource) {
    this.#image = image;
  }

  /** About `byteCount` more bytes of the snapshot; undefined at its end. */
  next(byteCount: number): Uint8Array<ArrayBuffer> | undefined {
    switch (this.#state) {
      case 'header':
        this.#state = 'image';
        return this.#sums.header();
      case 'image': {
        const slice = this.#image.next(byteCount);
        if (slice !== undefined) return this.#sums.image(slice);
        this.#state = 'ended';
        return this.#sums.trailer();
      }
      case 'ended':
        return undefined;
    }
  }

  /** Releases the image: nothing more is read. */
  close(): void {
    this.#state = 'ended';
    this.#image.close();
  }
}

/** Checks a snapshot that comes in pieces of any size, and hands on the image in it. */
export class SnapshotCheck {
  readonly #onImage: (piece: Uint8Array) => void;
  #crc = 0;
  /** The start until it is long enough to be looked at, afterwards what may be the trailer. */
  #kept: Uint8Array = new Uint8Array(0);
  #isHeaderSeen = false;

  constructor(onImage: (piece: Uint8Array) => void = () => undefined) {
    this.#onImage = onImage;
  }

  /** The next piece. Throws {@link SnapshotError}. */
  push(piece: Uint8Array): void {
    this.#crc = crc32(piece, this.#crc);
    if (this.#isHeaderSeen && piece.byteLength >= CRC_BYTES) {
      this.#onImage(this.#kept);
      this.#keepTrailer(piece);
      return;
    }
    const bytes = Buffer.concat([this.#kept, piece]);
    this.#kept = bytes;
    if (this.#isHeaderSeen) {
      if (bytes.byteLength > CRC_BYTES) this.#keepTrailer(bytes);
      return;
    }
    if (bytes.byteLength < MAGIC.byteLength + CRC_BYTES) return;
    if (!MAGIC.equals(bytes.subarray(0, MAGIC.byteLength)))
      throw new SnapshotError('it does not start like one');
    this.#isHeaderSeen = true;
    this.#keepTrailer(bytes.subarray(MAGIC.byteLength));
  }

  /** There are no more pieces. Throws {@link SnapshotError}. */
  end(): void {
    if (!this.#isHeaderSeen) throw new SnapshotError('it is too short');
    if (this.#crc !== CRC_RESIDUE) throw new SnapshotError('its checksum is wrong');
  }

  #keepTrailer(bytes: Uint8Array): void {
    const end = bytes.byteLength - CRC_BYTES;
    this.#kept = Uint8Array.from(bytes.subarray(end));
    if (end > 0) this.#onImage(bytes.subarray(0, end));
  }
}
