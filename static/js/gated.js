/** @typedef {'token' | 'people' | 'email'} GateKind */

/**
 * Asks what the server's gate wants of someone who makes a room or comes in; null where it is open, or cannot be asked: then
 * the door will say so.
 *
 * @param {string} intent `create` or `join`
 * @returns {Promise<GateKind | null>}
 */
export async function gateFor(intent) {
  try {
    const answer = await fetch('/api/gate', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
      cache: 'no-store',
      credentials: 'omit',
    });
    const gates = await answer.json();
    return ['token', 'people', 'email'].includes(gates[intent]) ? gates[intent] : null;
  } catch {
    return null;
  }
}
