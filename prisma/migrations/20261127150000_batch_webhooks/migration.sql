-- AlterTable
ALTER TABLE "api_keys" ADD COLUMN     "webhook_secret" VARCHAR(64),
ADD COLUMN     "webhook_previous" VARCHAR(64),
ADD COLUMN     "webhook_previous_until" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "batch_webhooks" (
    "batch_id" UUID NOT NULL,
    "url" VARCHAR(2000) NOT NULL,
    "state" VARCHAR(16) NOT NULL DEFAULT 'waiting',
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "last_error" VARCHAR(200),

    CONSTRAINT "batch_webhooks_pkey" PRIMARY KEY ("batch_id")
);

-- CreateIndex
CREATE INDEX "batch_webhooks_state_batch_id_idx" ON "batch_webhooks"("state", "batch_id");

-- CreateIndex
CREATE INDEX "batches_finished_at_idx" ON "batches"("finished_at");
