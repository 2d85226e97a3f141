-- AlterTable
ALTER TABLE "api_keys" ADD COLUMN "requests_per_second" DOUBLE PRECISION,
ADD COLUMN "burst" INTEGER,
ADD COLUMN "priority" VARCHAR(16),
-- A limit is both numbers or neither. The ranges are those of the configuration file.
ADD CONSTRAINT "api_keys_limit_is_whole" CHECK (("requests_per_second" IS NULL) = ("burst" IS NULL)),
ADD CONSTRAINT "api_keys_limit_in_range" CHECK ("requests_per_second" BETWEEN 0.001 AND 1000000 AND "burst" BETWEEN 1 AND 1000000),
ADD CONSTRAINT "api_keys_priority_is_known" CHECK ("priority" IN ('interactive', 'bulk'));
