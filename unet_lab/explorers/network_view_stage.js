export class ViewStage {}
