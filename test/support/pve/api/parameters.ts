/** What a parameter must look like, and what the server says where it does not. */
import { badParameters } from './failure.ts';
import type { RawParameters } from './form.ts';

export interface ParameterRule {
  type?: 'string' | 'integer' | 'boolean';
  required?: boolean;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  values?: readonly string[];
}

export type ParameterTable = Readonly<Record<string, ParameterRule>>;

export const NODE: ParameterTable = { node: { required: true } };
export const GUEST: ParameterTable = {
  ...NODE,
  vmid: { type: 'integer', required: true, minimum: 100, maximum: 999_999_999 },
};

const UNKNOWN = 'property is not defined in schema and the schema does not allow additional properties';
const MISSING = 'property is missing and it is not optional';

/** @throws ApiFailure 400 that names every parameter that is wrong. */
export function checkParameters(table: ParameterTable, given: RawParameters): void {
  const errors: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    const rule = table[name];
    const complaint = rule === undefined ? UNKNOWN : complaintAbout(value, rule);
    if (complaint !== undefined) errors[name] = complaint;
  }
  for (const [name, rule] of Object.entries(table)) {
    if (rule.required === true && given[name] === undefined) errors[name] = MISSING;
  }
  if (Object.keys(errors).length > 0) throw badParameters(errors);
}

export function isTrue(value: string | undefined): boolean {
  return value !== undefined && /^(1|on|yes|true)$/i.test(value);
}

function complaintAbout(value: string, rule: ParameterRule): string | undefined {
  const { type = 'string', minimum, maximum, maxLength, values } = rule;
  if (type === 'integer' && !/^[+-]?\d+$/.test(value)) return `type check ('integer') failed - got '${value}'`;
  if (type === 'boolean' && !/^(0|1|on|off|yes|no|true|false)$/i.test(value)) {
    return `type check ('boolean') failed - got '${value}'`;
  }
  if (minimum !== undefined && Number(value) < minimum) return `value must have a minimum value of ${minimum}`;
  if (maximum !== undefined && Number(value) > maximum) return `value must have a maximum value of ${maximum}`;
  if (maxLength !== undefined && value.length > maxLength) return `value may only be ${maxLength} characters long`;
  if (values !== undefined && !values.includes(value)) {
    return `value '${value}' does not have a value in the enumeration '${values.join(', ')}'`;
  }
  return undefined;
}
