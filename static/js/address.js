// What stands in addresses: names, never a password.

/**
 * The names that an address brings along; `/chat/{room}` brings the room's. What sends a browser on may have decoded
 * the name before: all that follows is the name, slashes too, but for one at the end.
 */
export function namesIn({ pathname, search }) {
  const query = new URLSearchParams(search);
  return {
    room: query.get('roomname') ?? roomInPath(pathname),
    user: query.get('username') ?? '',
  };
}

export const roomPath = (room) => `/chat/${encodeURIComponent(room)}`;

export const inviteLink = (origin, room) => `${origin}/login?username=&roomname=${encodeURIComponent(room)}`;

export const doorPath = (path, { room, user }) => `${path}?${new URLSearchParams({ roomname: room, username: user })}`;

function roomInPath(pathname) {
  const [, room] = /^\/chat\/(.+?)\/?$/su.exec(pathname) ?? [];
  try {
    return decodeURIComponent(room ?? '');
  } catch {
    return ''; // a malformed escape names no room
  }
}
