// What the modules of web-crypto export, as its faces declare it. Their glue is made by the build.

declare module '*/wasm/derive.js' {
  /** Loads the module. Until then nothing else may be called. */
  export default function init(): Promise<unknown>;
  /** 32 bytes; throws a `Failure`. */
  export function stretch(password: string, room: string, salt: Uint8Array): Uint8Array<ArrayBuffer>;
  /** 32 bytes; throws a `Failure`. */
  export function personVerifier(password: string, name: string, salt: Uint8Array): Uint8Array<ArrayBuffer>;
  /** 32 bytes; throws a `Failure`. */
  export function stretchSafety(of: Uint8Array): Uint8Array<ArrayBuffer>;
  export class Failure {
    code: string;
    words: string;
  }
}

declare module '*/wasm/qr.js' {
  export default function init(): Promise<unknown>;
  export function draw(text: string): { size: number; path: string } | undefined;
}

declare module '*/wasm/session.js' {
  export default function init(): Promise<unknown>;

  /** What a session takes, behind the time. */
  export type Inputs = {
    stretched: [bytes: Uint8Array];
    notStretched: [code: string, words: string];
    answered: [status: number, body: Uint8Array];
    unanswered: [];
    opened: [];
    received: [bytes: Uint8Array];
    closed: [code: number];
    woken: [];
    say: [text: string];
    picture: [number: number, media: number, width: number, height: number, alt: string, bytes: Uint8Array];
    cancel: [number: number];
    safety: [];
    leave: [];
    network: [there: boolean];
  };

  export type Handlers = { [Input in keyof Inputs]: (now: number, ...values: Inputs[Input]) => void };
  export type Session = Handlers & { bring(pass: string): void; poll(): Output | undefined };
  export const Session: new (create: boolean, room: string, user: string, build: string) => Session;

  export interface Output {
    readonly kind: 'post' | 'stretch' | 'connect' | 'send' | 'disconnect' | 'wake' | 'safety' | 'picture' | 'farewell' | 'debug' | 'show';
    readonly text: string;
    readonly bytes: Uint8Array<ArrayBuffer>;
    readonly ms: number;
    free(): void;
  }
}

declare module '*/wasm/strength.js' {
  export default function init(): Promise<unknown>;
  export function guessesLog10(password: string, room: string, user: string): number;
}

declare module '*/wasm/words.js' {
  export default function init(): Promise<unknown>;
  export function suggest(): string;
  export function safetyWords(bytes: Uint8Array): string | undefined;
}
