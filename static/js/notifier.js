import { unnotified, wrote } from './words.js';

/**
 * Notifications of the system's. They outlive the page in the system's own list, and may stand on a locked screen:
 * so they say who wrote, and neither what nor in which room.
 */
export class Notifier {
  /** @type {Notification | null} */
  #last = null;

  /** Asks for leave to show them; tells what is in the way, or null. */
  async ask() {
    if (!globalThis.Notification) return unnotified.unable;
    const answer = await Notification.requestPermission();
    return answer === 'granted' ? null : unnotified.refused;
  }

  /** @param {string} name */
  show(name) {
    try {
      // One takes the place of the one before: none pile up.
      const icon = document.querySelector('link[rel=icon]')?.getAttribute('href') ?? undefined;
      const shown = new Notification(wrote(name), { tag: 'cloakroom', icon });
      shown.addEventListener('click', () => {
        focus();
        shown.close();
      });
      this.#last = shown;
      return null;
    } catch {
      return unnotified.unable; // on phones some browsers have the name and not the thing
    }
  }

  close() {
    this.#last?.close();
    this.#last = null;
  }
}
