// What browsers have and TypeScript's libraries do not name.

/** What a policy makes is taken in the place of an address. */
declare var trustedTypes: { createPolicy<Rules>(name: string, rules: Rules): Rules } | undefined;
