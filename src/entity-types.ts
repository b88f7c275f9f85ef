// The kinds of entities by the hosted API's names: which are recognised here, what its groups stand for, and which it
// knows and we do not. Requests are checked against these tables, and docs/addons.md is tested against them. Pure.

export const ENTITY_TYPES = [
  'NAME',
  'NAME_GIVEN',
  'NAME_FAMILY',
  'EMAIL_ADDRESS',
  'PHONE_NUMBER',
  'LOCATION',
  'LOCATION_ADDRESS',
  'LOCATION_CITY',
  'LOCATION_STATE',
  'LOCATION_COUNTRY',
  'LOCATION_ZIP',
  'ORGANIZATION',
  'ORIGIN',
  'AGE',
  'DOB',
  'DATE',
  'TIME',
  'DURATION',
  'MONEY',
  'SSN',
  'CREDIT_CARD',
  'CREDIT_CARD_EXPIRATION',
  'CVV',
  'BANK_ACCOUNT',
  'ROUTING_NUMBER',
  'ACCOUNT_NUMBER',
  'HEALTHCARE_NUMBER',
  'PASSPORT_NUMBER',
  'DRIVER_LICENSE',
  'VEHICLE_ID',
  'NUMERICAL_PII',
  'IP_ADDRESS',
  'URL',
  'USERNAME',
  'PASSWORD',
] as const;
export type EntityType = (typeof ENTITY_TYPES)[number];

const NUMBERS = [
  'SSN',
  'ACCOUNT_NUMBER',
  'HEALTHCARE_NUMBER',
  'PASSPORT_NUMBER',
  'DRIVER_LICENSE',
  'VEHICLE_ID',
  'NUMERICAL_PII',
] as const;
const CARDS = ['BANK_ACCOUNT', 'CREDIT_CARD', 'CREDIT_CARD_EXPIRATION', 'CVV', 'ROUTING_NUMBER'] as const;
const PERSON = [
  'NAME',
  'EMAIL_ADDRESS',
  'PHONE_NUMBER',
  'LOCATION',
  'AGE',
  'DOB',
  'IP_ADDRESS',
  'USERNAME',
  'PASSWORD',
] as const;
const EVERYDAY = [...PERSON, ...NUMBERS, ...CARDS] as const;
const SENSITIVE = ['RELIGION', 'POLITICAL_AFFILIATION', 'PHYSICAL_ATTRIBUTE'] as const;

type Group = { readonly finds: readonly EntityType[]; readonly misses: readonly string[] };

/** Groups of the hosted API: the types of each that are recognised here, and those that are not. */
export const ENTITY_GROUPS = {
  CORE_ENTITIES: { finds: EVERYDAY, misses: [] },
  GDPR: { finds: [...EVERYDAY, 'ORIGIN'], misses: [...SENSITIVE, 'GENDER', 'SEXUALITY', 'LANGUAGE'] },
  GDPR_SENSITIVE: { finds: ['ORIGIN'], misses: [...SENSITIVE, 'GENDER', 'SEXUALITY', 'LANGUAGE'] },
  HIPAA_SAFE_HARBOR: { finds: [...EVERYDAY, 'DATE', 'URL'], misses: [] },
  CPRA: { finds: EVERYDAY, misses: ['GENDER', 'SEXUALITY'] },
  APPI: { finds: EVERYDAY, misses: [] },
  APPI_SENSITIVE: { finds: ['ORIGIN'], misses: [...SENSITIVE, 'MARITAL_STATUS'] },
  QUEBEC_PRIVACY_ACT: { finds: [...EVERYDAY, 'DATE', 'ORGANIZATION'], misses: ['OCCUPATION'] },
  LIDI: { finds: [...EVERYDAY, 'DATE', 'ORGANIZATION', 'ORIGIN', 'URL'], misses: ['OCCUPATION', 'EVENT'] },
  PCI: { finds: CARDS, misses: [] },
  NUMERICAL_EXCL_PCI: { finds: [...NUMBERS, 'PHONE_NUMBER', 'LOCATION_ZIP'], misses: [] },
  CCI: { finds: ['ORGANIZATION', 'TIME', 'MONEY', 'DATE'], misses: ['OCCUPATION', 'FILENAME', 'PRODUCT'] },
} as const satisfies Record<string, Group>;

/** What a caller may name in `pii_redaction_config.entity_types`. */
export const REDACTABLE: readonly string[] = [...Object.keys(ENTITY_GROUPS), ...ENTITY_TYPES];

const isType = (name: string): name is EntityType => (ENTITY_TYPES as readonly string[]).includes(name);
const isGroup = (name: string): name is keyof typeof ENTITY_GROUPS => Object.hasOwn(ENTITY_GROUPS, name);

/**
 * What the names ask to be redacted; everything recognised when there are none. One kind of a name or of a location
 * asks for all kinds of it: which kind an entity is is a guess, and redaction must not depend on it.
 */
export function askedTypes(names: readonly string[]): { types: ReadonlySet<EntityType>; misses: string[] } {
  if (names.length === 0) return { types: new Set(ENTITY_TYPES), misses: [] };
  const types = new Set<EntityType>();
  const misses = new Set<string>();
  for (const name of names) {
    if (isGroup(name)) {
      for (const type of ENTITY_GROUPS[name].finds) types.add(type);
      for (const type of ENTITY_GROUPS[name].misses) misses.add(type);
    } else if (isType(name)) types.add(name);
    else misses.add(name);
  }
  for (const family of ['NAME', 'LOCATION'])
    if ([...types].some((type) => type.startsWith(family)))
      for (const type of ENTITY_TYPES) if (type.startsWith(family)) types.add(type);
  return { types, misses: [...misses] };
}
