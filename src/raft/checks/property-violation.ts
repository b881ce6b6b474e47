/** What a check throws: one of the properties that Raft guarantees was broken, as seen from outside the servers. */
export class PropertyViolation extends Error {
  readonly code = 'PROPERTY_VIOLATED';
  /** The property's name, as the paper has it. */
  readonly property: string;

  constructor(property: string, what: string) {
    super(`${property}: ${what}`);
    this.name = 'PropertyViolation';
    this.property = property;
  }
}
