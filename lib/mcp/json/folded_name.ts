// A member's name as the readers see it that match names without case (Go's encoding/json, .NET's web defaults): what they
// could take for one member is one text here. The long s, the Kelvin sign and the dotless i have ASCII partners.

export function foldedName(name: string): string {
  return name.toUpperCase().toLowerCase();
}
