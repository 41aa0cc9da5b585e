// What stands in addresses: names, never a password.

/**
 * The names that an address brings along; `/chat/{room}` brings the room's. What sends a browser on may have decoded
 * the name before: all that follows is the name, slashes too, but for one at the end.
 *
 * @param {{ pathname: string, search: string }} address
 */
export function namesIn({ pathname, search }) {
  const query = new URLSearchParams(search);
  return {
    room: query.get('roomname') ?? roomInPath(pathname),
    user: query.get('username') ?? '',
  };
}

/** @param {string} room */
export const roomPath = (room) => `/chat/${encodeURIComponent(room)}`;

/**
 * @param {string} origin
 * @param {string} room
 */
export const inviteLink = (origin, room) => `${origin}/login?username=&roomname=${encodeURIComponent(room)}`;

/**
 * @param {string} path
 * @param {{ room: string, user: string }} names
 */
export const doorPath = (path, { room, user }) => `${path}?${new URLSearchParams({ roomname: room, username: user })}`;

/** @param {string} pathname */
function roomInPath(pathname) {
  const [, room] = /^\/chat\/(.+?)\/?$/su.exec(pathname) ?? [];
  try {
    return decodeURIComponent(room ?? '');
  } catch {
    return ''; // a malformed escape names no room
  }
}
