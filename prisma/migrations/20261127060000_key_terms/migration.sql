-- AlterTable
ALTER TABLE "api_keys" ADD COLUMN "expires_at" TIMESTAMPTZ(3),
ADD COLUMN "scopes" TEXT[] DEFAULT ARRAY[]::TEXT[],
ADD COLUMN "previous_hash" BYTEA,
ADD COLUMN "previous_until" TIMESTAMPTZ(3),
-- The text before a rotation is accepted for a while, or it is not known any more.
ADD CONSTRAINT "api_keys_rotation_is_whole" CHECK (("previous_hash" IS NULL) = ("previous_until" IS NULL)),
ADD CONSTRAINT "api_keys_previous_hash_is_sha256" CHECK (length("previous_hash") = 32);

-- CreateIndex
CREATE UNIQUE INDEX "api_keys_previous_hash_key" ON "api_keys"("previous_hash");
