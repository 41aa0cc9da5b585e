const NOTES_HZ = [587.33, 880]; // D5, A5
const APART_S = 0.11;
const LASTS_S = 0.35;
const LOUD = 0.12;

/** Two soft tones. */
export class Chime {
  /** @type {AudioContext | null} */
  #context = null;

  /** Browsers give sound only to a page whose reader asked for it, so this belongs in a press of a button. */
  ring() {
    this.#context ??= new AudioContext();
    const context = this.#context;
    context.resume();
    for (const [index, pitch] of NOTES_HZ.entries()) play(context, pitch, context.currentTime + index * APART_S);
  }
}

/**
 * @param {AudioContext} context
 * @param {number} pitch
 * @param {number} at
 */
function play(context, pitch, at) {
  const tone = new OscillatorNode(context, { frequency: pitch });
  const volume = new GainNode(context, { gain: 0 });
  tone.connect(volume).connect(context.destination);
  // A tone that starts or stops all at once clicks.
  volume.gain.setValueAtTime(0, at);
  volume.gain.linearRampToValueAtTime(LOUD, at + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.001, at + LASTS_S);
  tone.start(at);
  tone.stop(at + LASTS_S);
}
