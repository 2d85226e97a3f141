export const DEFAULT_SLO_FILE = 'slo.yaml';
