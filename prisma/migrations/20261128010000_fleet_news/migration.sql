-- CreateTable
CREATE TABLE "fleet_news" (
    "id" UUID NOT NULL,
    "kind" VARCHAR(32) NOT NULL,
    "host" VARCHAR(256) NOT NULL,
    "body" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "issued_at" TIMESTAMPTZ(3),

    CONSTRAINT "fleet_news_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "fleet_news_created_at_idx" ON "fleet_news"("created_at");
